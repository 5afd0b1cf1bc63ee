//! Port of a store of signing keys.

use std::future::Future;

use super::stored_key::StoredKey;
use crate::base::actor::Actor;
use crate::base::error::StoreError;
use crate::token::key_id::KeyId;

/// Stores the signing keys of issuers, which several processes share.
///
/// # Contract
///
/// 1. [`list`](Self::list) returns the keys of one issuer in the order in which they were appended,
///    whatever their times, each as it was given to [`append`](Self::append). Issuers are compared byte
///    for byte and do not see each other's keys; two of them may have keys of one id.
/// 2. [`append`](Self::append) stores the key if `after` is the id of the issuer's newest key, or
///    `None` while the issuer has no key. Otherwise, and if the issuer has a key with this id, nothing
///    changes and the answer is `false`.
/// 3. Of concurrent calls with one `after`, at most one stores its key. Every later
///    [`list`](Self::list) has it, and it survives a restart if the store is durable.
///
/// A store of your own may wrap another one:
///
/// ```
/// use tower_auth_sync::StoreError;
/// use tower_auth_sync::actor::Actor;
/// use tower_auth_sync::token::{KeyId, KeyStore, Keys, MemoryKeys, StoredKey};
///
/// struct Logged(MemoryKeys);
///
/// impl KeyStore for Logged {
///     async fn list(&self, issuer: &str) -> Result<Vec<StoredKey>, StoreError> {
///         self.0.list(issuer).await
///     }
///
///     async fn append(
///         &self,
///         key: &StoredKey,
///         after: Option<&KeyId>,
///         actor: &Actor,
///     ) -> Result<bool, StoreError> {
///         let is_stored = self.0.append(key, after, actor).await?;
///         println!("{actor} made the key {}: {is_stored}", key.id);
///         Ok(is_stored)
///     }
/// }
///
/// let keys = Keys::new(Logged(MemoryKeys::new()));
/// ```
///
/// `tower_auth_sync::testing::key_store_tests!` checks each point against your store:
///
/// ```
/// # #[cfg(feature = "test-util")]
/// mod conformance {
///     use tower_auth_sync::{testing::key_store_tests, token::MemoryKeys};
///
///     key_store_tests!(async || (MemoryKeys::new(), ()));
/// }
/// ```
pub trait KeyStore: Send + Sync + 'static {
    /// Returns the keys of an issuer, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn list(&self, issuer: &str)
    -> impl Future<Output = Result<Vec<StoredKey>, StoreError>> + Send;

    /// Stores a key behind the key `after`, and returns whether it did. `actor` makes the key, at its
    /// `created_at`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn append(
        &self,
        key: &StoredKey,
        after: Option<&KeyId>,
        actor: &Actor,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
