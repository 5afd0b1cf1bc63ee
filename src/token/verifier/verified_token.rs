//! A verified token.

use std::fmt;

use bytes::Bytes;
use serde::Deserialize;

use crate::base::clock::UnixMillis;
use crate::token::key_id::KeyId;

/// A token that a [`TokenVerifier`](crate::token::TokenVerifier) accepted. Only a verifier creates one.
///
/// [`JwtAuthLayer`](crate::token::JwtAuthLayer) inserts it into the request's extensions, also for
/// services without axum:
///
/// ```
/// use tower_auth_sync::token::VerifiedToken;
///
/// #[derive(serde::Deserialize)]
/// struct AppClaims {
///     role: String,
/// }
///
/// fn role<B>(request: &http::Request<B>) -> Option<String> {
///     let token = request.extensions().get::<VerifiedToken>()?;
///     Some(token.claims::<AppClaims>().ok()?.role)
/// }
/// ```
#[derive(Clone)]
pub struct VerifiedToken {
    pub(super) claims: Bytes,
    pub(super) subject: Box<str>,
    pub(super) expires_at: UnixMillis,
    pub(super) key_id: Option<KeyId>,
}

impl VerifiedToken {
    /// Returns `sub`, which is never empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns `exp`. The token was accepted up to the verifier's leeway later.
    #[must_use]
    pub const fn expires_at(&self) -> UnixMillis {
        self.expires_at
    }

    /// Returns the id of the key that signed the token, if the key has one.
    #[must_use]
    pub const fn key_id(&self) -> Option<&KeyId> {
        self.key_id.as_ref()
    }

    /// Decodes all claims as `T`.
    ///
    /// # Errors
    ///
    /// Fails if the claims do not have the shape of `T`. The error may quote a claim. Decoding as a
    /// `serde_json::Value` never fails.
    pub fn claims<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.claims)
    }

    /// Returns the claims as the signed JSON object.
    #[must_use]
    pub const fn json(&self) -> &Bytes {
        &self.claims
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("expires_at", &self.expires_at)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
