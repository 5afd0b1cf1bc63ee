//! The stored form of a signing key.

use crate::base::clock::UnixMillis;
use crate::base::secret::Secret;
use crate::token::key_id::KeyId;

/// A private key of an issuer, as a store keeps it.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The `iss` of the tokens that the key signs.
    pub issuer: String,
    /// The `kid`, whatever the text of the key says.
    pub id: KeyId,
    /// The private key as JSON (RFC 7517).
    pub jwk: Secret,
    /// When the key was stored.
    pub created_at: UnixMillis,
}

impl StoredKey {
    /// Creates a key, as a caller or a store has it.
    ///
    /// ```
    /// use tower_auth_sync::clock::{Clock, SystemClock};
    /// use tower_auth_sync::secret::Secret;
    /// use tower_auth_sync::token::{KeyId, StoredKey};
    ///
    /// // RFC 8037, appendix A.1.
    /// let jwk = r#"{"kty": "OKP", "crv": "Ed25519",
    ///     "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    ///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    /// let (id, jwk) = (KeyId::new("2026-11")?, Secret::verbatim(jwk)?);
    /// let key = StoredKey::new("https://auth.example", id, jwk, SystemClock.now());
    /// assert!(!format!("{key:?}").contains("nWGxne"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(issuer: impl Into<String>, id: KeyId, jwk: Secret, created_at: UnixMillis) -> Self {
        Self {
            issuer: issuer.into(),
            id,
            jwk,
            created_at,
        }
    }
}
