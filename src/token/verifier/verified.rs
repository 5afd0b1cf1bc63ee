//! A token after all checks.

use std::fmt;

use bytes::Bytes;
use serde::Deserialize;

use crate::base::clock::UnixMillis;
use crate::token::key_id::KeyId;

/// A token that a [`TokenVerifier`](super::TokenVerifier) accepted: only a verifier can make one.
///
/// [`JwtAuthLayer`](crate::token::layer::JwtAuthLayer) leaves it in the request's extensions, for services
/// without axum too:
///
/// ```
/// use tower_auth_sync::token::VerifiedToken;
///
/// #[derive(serde::Deserialize)]
/// struct Mine {
///     role: String,
/// }
///
/// fn role<B>(request: &http::Request<B>) -> Option<String> {
///     let token = request.extensions().get::<VerifiedToken>()?;
///     Some(token.claims::<Mine>().ok()?.role)
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

    /// Returns the id of the key that signed it, where that key has one.
    #[must_use]
    pub const fn key_id(&self) -> Option<&KeyId> {
        self.key_id.as_ref()
    }

    /// Decodes the claims, all of them, as `T`.
    ///
    /// # Errors
    ///
    /// Fails if the claims do not have the shape of `T`. The error may quote a claim. A
    /// `serde_json::Value` takes the claims of every token that was accepted.
    pub fn claims<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.claims)
    }

    /// Returns the claims as the JSON object that was signed.
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
