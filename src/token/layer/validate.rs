//! The decision: which requests go on. Pure but for the key source.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};

use super::layer::Gate;
use super::rejection::{CredentialsError, JwtRejection};
use crate::token::error::TokenError;
use crate::token::verifier::{Verdict, VerifiedToken};

impl Gate {
    /// Judges the credentials as far as the keys at hand allow.
    pub(super) fn begin(&self, headers: &HeaderMap) -> Result<Verdict, JwtRejection> {
        Ok(self.verifier.begin(bearer_token(headers)?))
    }

    /// Judges the token after the verifier did.
    pub(super) fn finish(
        &self,
        verdict: Result<VerifiedToken, TokenError>,
    ) -> Result<VerifiedToken, JwtRejection> {
        let token = verdict?;
        if self.scopes.is_empty() || self.has_scopes(&token) {
            return Ok(token);
        }
        let required = self.scopes.join(" ").into();
        Err(JwtRejection::InsufficientScope { required })
    }

    fn has_scopes(&self, token: &VerifiedToken) -> bool {
        #[derive(serde::Deserialize)]
        struct Scope {
            scope: String,
        }
        let Ok(Scope { scope }) = token.claims() else {
            return false;
        };
        let mut required = self.scopes.iter();
        required.all(|required| scope.split(' ').any(|granted| *granted == **required))
    }
}

/// Marks a request that goes on.
pub(super) fn admit<B>(request: &mut Request<B>, token: VerifiedToken) {
    if let Some(credentials) = request.headers_mut().get_mut(AUTHORIZATION) {
        credentials.set_sensitive(true);
    }
    request.extensions_mut().insert(token);
}

/// Finds the one bearer token (RFC 6750 §2.1, RFC 9110 §11.4).
fn bearer_token(headers: &HeaderMap) -> Result<&str, JwtRejection> {
    const SCHEME: &str = "Bearer";

    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = lines.next().ok_or(JwtRejection::NoCredentials)?;
    if lines.next().is_some() {
        return Err(CredentialsError::Doubled.into());
    }
    let text = line.to_str().map_err(|_error| CredentialsError::Token)?;
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(JwtRejection::NoCredentials);
    }
    let token = rest.trim_matches(' ');
    if token.is_empty() {
        return Err(CredentialsError::NoToken.into());
    }
    if token.bytes().all(is_token_byte) {
        Ok(token)
    } else {
        Err(CredentialsError::Token.into())
    }
}

/// `b64token` of RFC 6750 §2.1.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}
