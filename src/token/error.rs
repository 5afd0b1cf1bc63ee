//! Why a token is refused, and why a verifier or an issuer cannot be built.

use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::key_id::InvalidKeyId;
use super::key_set::KeySetError;
use super::key_source::LookupError;
use super::signing_pair::SigningKeyError;
use crate::wire::problem::ProblemKind;

/// Why a token is refused.
///
/// The error is for operators: it names the expected value. A caller learns only
/// [`kind`](Self::kind) and [`description`](Self::description). The error never holds the token or
/// one of its claims.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    /// The token has more than 16 KiB.
    #[error("the token is longer than 16 KiB")]
    TooLong,
    /// The token, or the named part, is not well-formed. RFC 7515 and RFC 7519 require three parts of
    /// base64url without padding, JSON objects with unique names, and strings where strings belong.
    #[error("malformed: the {part}")]
    Malformed {
        /// `token`, `header`, `claims` or `signature`.
        part: &'static str,
    },
    /// No decoder could decode the claims unchanged: they hold a lone surrogate such as `"\ud800"`, a
    /// number beyond a double such as `1e400`, more than 127 levels, or a name that serde_json
    /// reserves. RFC 7493 (I-JSON) forbids the first two.
    #[error(
        "the claims cannot be decoded: a lone surrogate, a number beyond a double, more than 127 \
         levels, or a name that starts with `$serde_json::private::`"
    )]
    Undecodable,
    /// The header names no algorithm that this crate supports. It never supports `none` and
    /// symmetric ones.
    #[error("the token's algorithm is missing or not supported")]
    AlgorithmUnsupported,
    /// The algorithm is not in the verifier's list.
    #[error("{0} is not among the verifier's algorithms")]
    AlgorithmNotAllowed(Algorithm),
    /// The header has `crit`, `b64` or `zip`, which change how a token must be read.
    #[error("the header's `{0}` is not supported")]
    Extension(&'static str),
    /// The verifier does not accept the token's type (`typ`).
    #[error("the token's type is not `{expected}`")]
    Type {
        /// The type that the verifier accepts.
        expected: &'static str,
    },
    /// No key fits, several keys fit, or no keys are available.
    #[error(transparent)]
    Key(#[from] LookupError),
    /// The key source returned a key of another algorithm.
    #[error("the key found is not for {expected}")]
    KeyAlgorithm {
        /// The token's algorithm.
        expected: Algorithm,
    },
    /// The key did not make the signature.
    #[error("the signature does not match")]
    Signature,
    /// A required claim is missing.
    #[error("the claim `{0}` is missing")]
    ClaimMissing(Arc<str>),
    /// A claim has the wrong type, or is empty.
    #[error("the claim `{0}` has the wrong type or is empty")]
    ClaimType(&'static str),
    /// `iss` names another issuer.
    #[error("the token is not by the issuer \"{expected}\"")]
    Issuer {
        /// The verifier's issuer.
        expected: Arc<str>,
    },
    /// `aud` names none of the verifier's audiences.
    #[error("the token is not for the audience {expected:?}")]
    Audience {
        /// The verifier's audiences.
        expected: Arc<[Box<str>]>,
    },
    /// `exp` has passed.
    #[error("the token expired")]
    Expired,
    /// `nbf` lies in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` lies in the future: the clocks of issuer and verifier differ by more than the leeway.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// The clock reads 1970: it was never set, and every token would seem valid.
    #[error("the clock is not set")]
    ClockNotSet,
}

impl TokenError {
    /// Returns the problem of the response.
    #[must_use]
    pub const fn kind(&self) -> ProblemKind {
        match self {
            Self::Key(LookupError::Unavailable { .. }) => ProblemKind::KEYS_UNAVAILABLE,
            Self::ClockNotSet => ProblemKind::INTERNAL,
            Self::TooLong
            | Self::Malformed { .. }
            | Self::AlgorithmUnsupported
            | Self::AlgorithmNotAllowed(_)
            | Self::Extension(_)
            | Self::Type { .. }
            | Self::Undecodable
            | Self::Key(
                LookupError::Unknown
                | LookupError::Ignored(_)
                | LookupError::SharedId
                | LookupError::Ambiguous,
            )
            | Self::KeyAlgorithm { .. }
            | Self::Signature
            | Self::ClaimMissing(_)
            | Self::ClaimType(_)
            | Self::Issuer { .. }
            | Self::Audience { .. }
            | Self::Expired
            | Self::NotYetValid
            | Self::IssuedInFuture => ProblemKind::INVALID_TOKEN,
        }
    }

    /// Returns the text for the caller: that the token expired or is not valid yet, which the caller
    /// can see in the token, and nothing else.
    #[must_use]
    pub const fn description(&self) -> &'static str {
        match self {
            Self::Expired => "the token expired",
            Self::NotYetValid | Self::IssuedInFuture => "the token is not valid yet",
            _ => "the token is not acceptable here",
        }
    }
}

/// Why a [`TokenVerifier`](super::TokenVerifier) or a [`JwtIssuer`](super::JwtIssuer) cannot be built.
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenConfigError {
    /// No issuer is set: tokens of any issuer would be accepted.
    #[error("no issuer: call `issuer` with the `iss` that tokens must have")]
    IssuerMissing,
    /// The issuer is empty.
    #[error("the issuer is empty")]
    IssuerEmpty,
    /// The `iss` of an issuer is no URL without query and fragment (OpenID Connect Discovery §3).
    #[error("the issuer {issuer:?} is not an http(s) URL without query and fragment")]
    IssuerUrl {
        /// The text that was set.
        issuer: Box<str>,
    },
    /// No audience is set: tokens for any other service would be accepted.
    #[error("no audience: call `audience` with the `aud` that tokens must have")]
    AudienceMissing,
    /// An audience is empty.
    #[error("the audience is empty")]
    AudienceEmpty,
    /// The list of algorithms is empty.
    #[error("no algorithm is allowed: `algorithms` got an empty list")]
    NoAlgorithms,
    /// The leeway exceeds its limit.
    #[error("the leeway is {0:?}; at most 300 s are allowed")]
    Leeway(Duration),
    /// The lifetime of tokens is out of its range.
    #[error("the token lifetime is {0:?}; 1 s to 24 h are allowed")]
    Lifetime(Duration),
    /// More than 64 claims are required.
    #[error("{0} claims are required; at most 64 can be")]
    RequiredClaims(usize),
    /// The issuer has no key.
    #[error("no signing key: call `key`, or `dangerous_ephemeral_key` for a demonstration")]
    NoKey,
    /// The issuer has keys, and an ephemeral one is requested too.
    #[error("`dangerous_ephemeral_key` and `key` exclude each other")]
    KeyAndEphemeral,
    /// Two keys of the issuer have one id.
    #[error("two signing keys have the id \"{0}\"")]
    DuplicateKeyId(Box<str>),
    /// The ephemeral key could not be made.
    #[error("the ephemeral key could not be made")]
    SigningKey(#[from] SigningKeyError),
    /// The issuer's keys form no set that can be published.
    #[error("the keys cannot be published")]
    KeySet(#[from] KeySetError),
    /// A key has no usable id.
    #[error("a key has no usable id")]
    KeyId(#[from] InvalidKeyId),
}
