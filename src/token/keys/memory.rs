//! Signing keys in memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::handle::Keys;
use super::port::KeyStore;
use super::stored_key::StoredKey;
use crate::base::actor::Actor;
use crate::base::erased::become_handles;
use crate::base::error::StoreError;
use crate::token::key_id::KeyId;

/// Signing keys in this process's memory, for tests and development; lost when the process ends.
///
/// Clones share the memory.
#[derive(Clone, Default)]
pub struct MemoryKeys(Arc<Mutex<KeysByIssuer>>);

type KeysByIssuer = HashMap<String, Vec<StoredKey>>;

impl MemoryKeys {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, KeysByIssuer> {
        // No code below leaves the state half changed when it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyStore for MemoryKeys {
    async fn list(&self, issuer: &str) -> Result<Vec<StoredKey>, StoreError> {
        Ok(self.state().get(issuer).cloned().unwrap_or_default())
    }

    async fn append(
        &self,
        key: &StoredKey,
        after: Option<&KeyId>,
        _actor: &Actor,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let keys = state.entry(key.issuer.clone()).or_default();
        let fits = keys.last().map(|newest| &newest.id) == after
            && keys.iter().all(|other| other.id != key.id);
        if fits {
            keys.push(key.clone());
        }
        Ok(fits)
    }
}

impl fmt::Debug for MemoryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKeys")
            .field("issuers", &self.state().len())
            .finish_non_exhaustive()
    }
}

become_handles!(MemoryKeys => Keys);

#[cfg(test)]
mod tests {
    mod contract {
        use super::super::MemoryKeys;

        crate::__key_store_tests!(async || (MemoryKeys::new(), ()));
    }
}
