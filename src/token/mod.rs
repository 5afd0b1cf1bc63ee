//! Keys and tokens: signing keys, key sets, the issuer, the verifier, the layer, and the routes that
//! publish keys.
//!
//! The [`jsonwebtoken`] crate (version 11) keeps the keys, and makes and checks every signature, with its
//! aws-lc-rs provider. [`TokenVerifier`] applies the policy of RFC 8725, which that crate leaves to its
//! callers, and lists its checks. An algorithm belongs to a key, never to a token. Symmetric keys are
//! refused.
//!
//! If you already have keys in that crate's types, pass them to [`VerifyingKey::from_decoding_key`],
//! [`SigningKey::from_encoding_key`] or `KeySet::try_from(JwkSet)`. They are checked as all keys are.
//! The re-export [`jsonwebtoken`] lacks the feature `use_pem`, so `DecodingKey::from_*_pem` exists only
//! if your application turns the feature on. [`VerifyingKey::from_pem`] and [`SigningKey::from_pem`]
//! need no feature.
//!
//! This module names its provider itself: it neither reads nor installs that crate's process-wide
//! one. If another crate of your application turns on that crate's `rust_crypto` feature too, only
//! *your own* calls of `jsonwebtoken::{encode, decode}` need a choice: install a provider at the start
//! of `main`, for example
//! `jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default()`.
//!
//! [`JwtAuthLayer`] puts a verifier in front of a service: its docs have the order of checks, an
//! example and a deployment caveat.

/// The crate whose keys this module takes.
pub use jsonwebtoken;

mod algorithm;
pub(crate) mod base64url;
mod compact;
mod error;
mod ignored_key;
mod issuer;
mod jwk;
mod key_id;
mod key_rejected;
mod key_set;
mod key_source;
mod keys;
mod layer;
mod private_jwk;
mod public_key;
#[cfg(feature = "axum")]
mod routes;
mod signing_key;
mod signing_pair;
mod verifier;
mod verifying_key;

pub use self::algorithm::{Algorithm, UnknownAlgorithm};
#[cfg(any(test, fuzzing))]
pub(crate) use self::compact::{JoseHeader, NumericDate, RawClaims};
pub use self::error::{TokenConfigError, TokenError};
pub use self::ignored_key::IgnoredKey;
pub use self::issuer::{IssueError, JwtIssuer, JwtIssuerBuilder, StoredKeysError};
pub use self::key_id::{InvalidKeyId, KeyId};
pub use self::key_rejected::KeyRejected;
pub use self::key_set::{KeySet, KeySetError, MAX_KEYS, MAX_SET_LEN};
pub use self::key_source::{KeyFuture, KeyQuery, KeySource, Lookup, LookupError};
pub use self::keys::{KeyStore, Keys, MemoryKeys, StoredKey};
#[cfg(feature = "axum")]
pub use self::layer::{Claims, ClaimsRejection};
pub use self::layer::{
    CredentialsError, InvalidChallenge, JwtAuth, JwtAuthLayer, JwtRejection, ResponseFuture,
};
#[cfg(feature = "axum")]
pub use self::routes::jwks_routes;
pub use self::signing_key::SigningKey;
pub use self::signing_pair::SigningKeyError;
pub use self::verifier::{TokenType, TokenVerifier, TokenVerifierBuilder, VerifiedToken};
pub use self::verifying_key::VerifyingKey;

#[cfg(test)]
mod tests;
