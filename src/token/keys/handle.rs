//! Erased handle to a store of signing keys.

use std::fmt;
use std::sync::Arc;

use super::port::KeyStore;
use super::stored_key::StoredKey;
use crate::base::actor::Actor;
use crate::base::clock::{Clock, SystemClock};
use crate::base::erased::erased;
use crate::base::error::StoreError;
use crate::base::secret::Secret;
use crate::token::key_id::KeyId;

/// Erased handle to a store of signing keys. Clones are cheap and share the store.
///
/// An issuer makes its first key by itself. To store a key that you have:
///
/// ```
/// use tower_auth_sync::secret::Secret;
/// use tower_auth_sync::token::{KeyId, Keys, MemoryKeys};
///
/// # async fn example(jwk: Secret) -> Result<(), Box<dyn std::error::Error>> {
/// let keys = Keys::new(MemoryKeys::new());
/// let is_first = keys.append("https://auth.example", KeyId::new("2026-11")?, jwk, None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Keys {
    store: Arc<dyn DynKeyStore>,
    clock: Arc<dyn Clock>,
    actor: Actor,
}

impl Keys {
    /// Creates a handle to `store`.
    #[must_use]
    pub fn new(store: impl KeyStore) -> Self {
        Self {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            actor: Actor::system(),
        }
    }

    /// Sets the clock, which dates keys. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets who makes the changes through this handle. Default: [`Actor::system`].
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self {
            actor,
            ..self.clone()
        }
    }

    /// Returns the keys of an issuer, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn list(&self, issuer: &str) -> Result<Vec<StoredKey>, StoreError> {
        self.store.list(issuer).await
    }

    /// Stores a key of an issuer if `after` is its newest key, `None` if it has none, and returns
    /// whether it did. `false`: another process was faster, or the issuer has a key with this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn append(
        &self,
        issuer: &str,
        id: KeyId,
        jwk: Secret,
        after: Option<&KeyId>,
    ) -> Result<bool, StoreError> {
        let key = StoredKey::new(issuer, id, jwk, self.clock.now());
        self.store.append(&key, after, &self.actor).await
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("actor", &self.actor)
            .finish_non_exhaustive()
    }
}

erased! {
    /// [`KeyStore`] as an object.
    trait DynKeyStore: KeyStore;
    async KeyStore::list(issuer: &'a str) -> Result<Vec<StoredKey>, StoreError>;
    async KeyStore::append(key: &'a StoredKey, after: Option<&'a KeyId>, actor: &'a Actor) -> Result<bool, StoreError>;
}
