//! Pure checks of header and claims against the configuration.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::base::clock::UnixMillis;
use crate::token::algorithm::Algorithm;
use crate::token::compact::{AudienceMatch, JoseHeader, NumericDate, RawClaims, TypeName};
use crate::token::error::TokenError;
use crate::wire::json::members::Text;

/// The checked configuration of a verifier.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) issuer: Arc<str>,
    pub(super) audiences: Arc<[Box<str>]>,
    pub(super) algorithms: Box<[Algorithm]>,
    pub(super) leeway: Duration,
    pub(super) token_type: TokenType,
    pub(super) required: Box<[Box<str>]>,
}

/// The `typ` that a token must have (RFC 8725 §3.11).
///
/// Both modes refuse `logout+jwt`, `dpop+jwt` and `secevent+jwt`: the same issuer may sign them, and
/// they are no access tokens.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TokenType {
    /// `JWT`, or no `typ`, as Better Auth, Convex and most issuers write. The default.
    #[default]
    Jwt,
    /// `at+jwt`, an access token of RFC 9068.
    AccessToken,
}

impl TokenType {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Jwt => "JWT",
            Self::AccessToken => "at+jwt",
        }
    }

    pub(super) fn accepts(self, typ: Option<TypeName<'_>>) -> bool {
        typ.map_or(self == Self::Jwt, |typ| typ.is(self.name()))
    }
}

/// Claims parsed during the check.
#[derive(Debug)]
pub(super) struct AcceptedClaims {
    pub(super) subject: Box<str>,
    pub(super) expires_at: UnixMillis,
}

impl Policy {
    /// Returns the algorithm that the key must have.
    pub(super) fn check_header(&self, header: &JoseHeader<'_>) -> Result<Algorithm, TokenError> {
        if let Some(name) = header.extension {
            return Err(TokenError::Extension(name));
        }
        let named = header.alg.as_ref().and_then(|alg| alg.0.parse().ok());
        let algorithm = named.ok_or(TokenError::AlgorithmUnsupported)?;
        if !self.algorithms.contains(&algorithm) {
            return Err(TokenError::AlgorithmNotAllowed(algorithm));
        }
        let typ = header.typ.as_ref().map(|typ| TypeName::of(&typ.0));
        if !self.token_type.accepts(typ) {
            let expected = self.token_type.name();
            return Err(TokenError::Type { expected });
        }
        Ok(algorithm)
    }

    /// Returns whether the list has no other algorithm of the same type before this one.
    pub(super) fn is_first_of_its_type(&self, algorithm: Algorithm) -> bool {
        let same = algorithm.of_same_type();
        let first = self.algorithms.iter().find(|listed| same.contains(*listed));
        first == Some(&algorithm)
    }

    pub(super) fn check_claims(
        &self,
        claims: &RawClaims<'_>,
        now: UnixMillis,
    ) -> Result<AcceptedClaims, TokenError> {
        if now == UnixMillis::EPOCH {
            return Err(TokenError::ClockNotSet);
        }
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        let subject = text("sub", required("sub", claims.sub)?)?;
        if subject.0.is_empty() {
            return Err(TokenError::ClaimType("sub"));
        }
        let expires_at = self.check_times(claims, now)?;
        let has = |index: usize| claims.required >> index & 1 == 1;
        if let Some(index) = (0..self.required.len()).find(|index| !has(*index)) {
            let name = Arc::from(&*self.required[index]);
            return Err(TokenError::ClaimMissing(name));
        }
        let subject = subject.0.into();
        Ok(AcceptedClaims {
            subject,
            expires_at,
        })
    }

    fn check_issuer(&self, claims: &RawClaims<'_>) -> Result<(), TokenError> {
        if text("iss", required("iss", claims.iss)?)?.0 == *self.issuer {
            return Ok(());
        }
        let expected = Arc::clone(&self.issuer);
        Err(TokenError::Issuer { expected })
    }

    fn check_audience(&self, claims: &RawClaims<'_>) -> Result<(), TokenError> {
        let aud = required("aud", claims.aud)?;
        match AudienceMatch::parse(aud, &self.audiences) {
            Some(AudienceMatch::Ours) => Ok(()),
            Some(AudienceMatch::Others) => {
                let expected = Arc::clone(&self.audiences);
                Err(TokenError::Audience { expected })
            }
            None => Err(TokenError::ClaimType("aud")),
        }
    }

    fn check_times(
        &self,
        claims: &RawClaims<'_>,
        now: UnixMillis,
    ) -> Result<UnixMillis, TokenError> {
        let expires_at = date("exp", required("exp", claims.exp)?)?;
        let latest_start = now.saturating_add(self.leeway);
        // RFC 7519 §4.1.4: a token must not be accepted on or after `exp`.
        if now >= expires_at.saturating_add(self.leeway) {
            return Err(TokenError::Expired);
        }
        if let Some(nbf) = claims.nbf
            && date("nbf", nbf)? > latest_start
        {
            return Err(TokenError::NotYetValid);
        }
        if let Some(iat) = claims.iat
            && date("iat", iat)? > latest_start
        {
            return Err(TokenError::IssuedInFuture);
        }
        Ok(expires_at)
    }
}

fn required<'a>(
    name: &'static str,
    claim: Option<&'a RawValue>,
) -> Result<&'a RawValue, TokenError> {
    claim.ok_or_else(|| TokenError::ClaimMissing(name.into()))
}

fn text<'a>(name: &'static str, claim: &'a RawValue) -> Result<Text<'a>, TokenError> {
    serde_json::from_str(claim.get()).map_err(|_error| TokenError::ClaimType(name))
}

fn date(name: &'static str, claim: &RawValue) -> Result<UnixMillis, TokenError> {
    let date = NumericDate::parse(claim);
    date.map(|date| date.0).ok_or(TokenError::ClaimType(name))
}
