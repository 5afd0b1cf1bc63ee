//! The decision which requests reach the inner service. Pure but for the key source.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use serde::Deserialize;

use super::rejection::{CredentialsError, JwtRejection};
use crate::token::error::TokenError;
use crate::token::verifier::{TokenVerifier, Verification, VerifiedToken};

/// The settings of a layer, and the checks of a request.
#[derive(Clone, Debug)]
pub(super) struct JwtGate {
    pub(super) verifier: TokenVerifier,
    pub(super) realm: Box<str>,
    pub(super) scopes: Vec<Box<str>>,
}

impl JwtGate {
    /// Checks the credentials as far as the keys in memory allow.
    pub(super) fn begin(&self, headers: &HeaderMap) -> Result<Verification, JwtRejection> {
        Ok(self.verifier.begin(bearer_token(headers)?))
    }

    /// Checks the scopes of a verified token.
    pub(super) fn finish(
        &self,
        verified: Result<VerifiedToken, TokenError>,
    ) -> Result<VerifiedToken, JwtRejection> {
        let token = verified?;
        if self.scopes.is_empty() || self.has_scopes(&token) {
            return Ok(token);
        }
        let required = self.scopes.join(" ").into();
        Err(JwtRejection::InsufficientScope { required })
    }

    fn has_scopes(&self, token: &VerifiedToken) -> bool {
        #[derive(Deserialize)]
        struct ScopeClaim {
            scope: String,
        }
        let Ok(ScopeClaim { scope }) = token.claims() else {
            return false;
        };
        let mut required = self.scopes.iter();
        required.all(|required| scope.split(' ').any(|granted| *granted == **required))
    }
}

/// Attaches the token to an accepted request and marks the `Authorization` value as sensitive.
pub(super) fn attach_token<B>(request: &mut Request<B>, token: VerifiedToken) {
    if let Some(credentials) = request.headers_mut().get_mut(AUTHORIZATION) {
        credentials.set_sensitive(true);
    }
    request.extensions_mut().insert(token);
}

/// Returns the only bearer token (RFC 6750 §2.1, RFC 9110 §11.4).
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
