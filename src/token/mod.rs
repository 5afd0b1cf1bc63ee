//! Keys and tokens: signing keys, key sets, the issuer, the verifier, and the routes that publish.
//!
//! Signatures are checked and made by aws-lc-rs, with keys that are parsed once. What a token may
//! say is decided here (RFC 8725); [`TokenVerifier`] lists the checks. An algorithm belongs to a
//! key, never to a token, and symmetric keys do not exist.
//!
//! [`JwtAuthLayer`](self::layer::JwtAuthLayer) puts a verifier in front of a service.

mod algorithm;
pub(crate) mod base64url;
mod compact;
mod error;
mod issuer;
mod jwk;
mod key_id;
mod layer;
mod private_jwk;
#[cfg(feature = "axum")]
mod routes;
mod set;
mod signing;
mod source;
mod verifier;
mod verifying;

#[cfg(test)]
mod tests;

pub use self::algorithm::{Algorithm, UnknownAlgorithm};
#[cfg(any(test, fuzzing))]
pub(crate) use self::compact::{Header, NumericDate, RawClaims};
pub use self::error::{TokenConfigError, TokenError};
pub use self::issuer::{IssueError, JwtIssuer, JwtIssuerBuilder};
pub use self::jwk::KeyRejected;
pub use self::key_id::{InvalidKeyId, KeyId};
#[cfg(feature = "axum")]
pub use self::layer::{Claims, ClaimsRejection};
pub use self::layer::{
    CredentialsError, InvalidChallenge, JwtAuth, JwtAuthLayer, JwtRejection, ResponseFuture,
};
#[cfg(feature = "axum")]
pub use self::routes::jwks_routes;
pub use self::set::{IgnoredKey, KeySet, KeySetError, MAX_KEYS, MAX_SET_LEN};
pub use self::signing::{SigningKey, SigningKeyError};
pub use self::source::{KeyFuture, KeyQuery, KeySource, Lookup, LookupError};
pub use self::verifier::{TokenType, TokenVerifier, TokenVerifierBuilder, VerifiedToken};
pub use self::verifying::VerifyingKey;
