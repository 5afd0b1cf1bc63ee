//! A store chosen by its URL.

mod ports;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "sqlite")]
use super::sqlite::SqliteStore;
use crate::base::error::StoreError;
use crate::receive::dedupe::{Dedupe, InvalidSource, MemoryDedupe};
use crate::receive::inbox::{Inbox, MemoryInbox};
use crate::receive::mirror::{MemoryMirror, Mirror, TablePrefix};
use crate::send::outbox::MemoryOutbox;

/// A store chosen by its URL. Copies are cheap and share the data.
///
/// | URL | store | feature |
/// |---|---|---|
/// | `sqlite://auth-sync.db`, `sqlite:///var/lib/app/auth-sync.db` | `SqliteStore` on a file, which is created if it is missing | `sqlite` |
/// | `sqlite::memory:` | `SqliteStore` in memory, until the last copy is dropped | `sqlite` |
/// | `memory:` | [`MemoryOutbox`] | |
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # async fn example() -> Result<(), tower_auth_sync::StoreError> {
/// use tower_auth_sync::outbox::Emitter;
/// use tower_auth_sync::store::AnyStore;
///
/// let store = AnyStore::connect("sqlite://auth-sync.db").await?;
/// let emitter = Emitter::new(store.clone());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AnyStore(Backend);

#[derive(Clone, Debug)]
enum Backend {
    Memory {
        store: MemoryOutbox,
        dedupe: MemoryDedupe,
        inbox: MemoryInbox,
        mirrors: MemoryMirrors,
    },
    #[cfg(feature = "sqlite")]
    Sqlite(SqliteStore),
}

type MemoryMirrors = Arc<Mutex<HashMap<TablePrefix, MemoryMirror>>>;

impl AnyStore {
    /// Opens the store of `url` and migrates its tables.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_address`] for a URL that names no store of this build (the cause lists them),
    /// otherwise as for that store's own `connect`.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        if url == MEMORY {
            return Ok(MemoryOutbox::new().into());
        }
        let sqlite = connect_sqlite(url).await?;
        sqlite.ok_or_else(|| StoreError::address(UnknownStore))
    }

    /// Returns the SQLite store, for calls that this type does not have; `None` for another store.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub const fn as_sqlite(&self) -> Option<&SqliteStore> {
        match &self.0 {
            Backend::Sqlite(store) => Some(store),
            Backend::Memory { .. } => None,
        }
    }

    /// Creates the dedupe handle of `source`, for [`VerifyWebhookLayer::with_dedupe`].
    ///
    /// [`VerifyWebhookLayer::with_dedupe`]: crate::receive::verify::VerifyWebhookLayer::with_dedupe
    ///
    /// ```
    /// use tower_auth_sync::store::AnyStore;
    /// use tower_auth_sync::verify::VerifyWebhookLayer;
    ///
    /// # fn example(
    /// #     store: AnyStore,
    /// #     layer: VerifyWebhookLayer,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = layer.with_dedupe(store.dedupe("crm")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless `source` has 1 to 128 printable ASCII characters without spaces.
    pub fn dedupe(&self, source: &str) -> Result<Dedupe, InvalidSource> {
        match &self.0 {
            Backend::Memory { dedupe, .. } => dedupe.dedupe(source),
            #[cfg(feature = "sqlite")]
            Backend::Sqlite(store) => store.dedupe(source),
        }
    }

    /// Creates the inbox of `source`, for [`VerifyWebhookLayer::with_inbox`] and the worker.
    ///
    /// `memory:` stores the messages in this process's memory.
    ///
    /// [`VerifyWebhookLayer::with_inbox`]: crate::receive::verify::VerifyWebhookLayer::with_inbox
    ///
    /// ```
    /// use tower_auth_sync::store::AnyStore;
    /// use tower_auth_sync::verify::VerifyWebhookLayer;
    ///
    /// # fn example(
    /// #     store: AnyStore,
    /// #     layer: VerifyWebhookLayer,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = layer.with_inbox(store.inbox("crm")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless `source` has 1 to 128 printable ASCII characters without spaces.
    pub fn inbox(&self, source: &str) -> Result<Inbox, InvalidSource> {
        match &self.0 {
            Backend::Memory { inbox, .. } => inbox.inbox(source),
            #[cfg(feature = "sqlite")]
            Backend::Sqlite(store) => store.inbox(source),
        }
    }

    /// Creates or migrates the mirror's tables, whose names begin with `prefix`, and returns the mirror
    /// on them. Repeated calls are allowed: one prefix is one mirror.
    ///
    /// `memory:` also has a mirror for each prefix, in this process's memory, without tables to join.
    ///
    /// ```
    /// use tower_auth_sync::mirror::TablePrefix;
    /// use tower_auth_sync::store::AnyStore;
    ///
    /// # async fn example(store: AnyStore) -> Result<(), tower_auth_sync::StoreError> {
    /// let mirror = store.mirror(TablePrefix::default()).await?;
    /// let user = mirror.user("user_1").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for the store's own `mirror`; `memory:` never fails.
    pub async fn mirror(&self, prefix: TablePrefix) -> Result<Mirror, StoreError> {
        match &self.0 {
            Backend::Memory { mirrors, .. } => {
                let mut mirrors = mirrors.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(Mirror::new(mirrors.entry(prefix).or_default().clone()))
            }
            #[cfg(feature = "sqlite")]
            Backend::Sqlite(store) => Ok(Mirror::new(store.mirror(prefix).await?)),
        }
    }
}

impl From<MemoryOutbox> for AnyStore {
    fn from(store: MemoryOutbox) -> Self {
        Self(Backend::Memory {
            store,
            dedupe: MemoryDedupe::new(),
            inbox: MemoryInbox::new(),
            mirrors: MemoryMirrors::default(),
        })
    }
}

#[cfg(feature = "sqlite")]
impl From<SqliteStore> for AnyStore {
    fn from(store: SqliteStore) -> Self {
        Self(Backend::Sqlite(store))
    }
}

/// Opens the SQLite store of `url`, if it is a `sqlite:` URL.
#[cfg(feature = "sqlite")]
async fn connect_sqlite(url: &str) -> Result<Option<AnyStore>, StoreError> {
    if !url.starts_with("sqlite:") {
        return Ok(None);
    }
    Ok(Some(SqliteStore::connect(url).await?.into()))
}

/// This build has no SQLite store.
#[cfg(not(feature = "sqlite"))]
async fn connect_sqlite(_url: &str) -> Result<Option<AnyStore>, StoreError> {
    Ok(None)
}

/// The URL names no store of this build. The error does not show the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the URL names no store of this build; there are {SUPPORTED}")]
struct UnknownStore;

const MEMORY: &str = "memory:";

#[cfg(feature = "sqlite")]
const SUPPORTED: &str = "`memory:`, `sqlite://<path>` and `sqlite::memory:`";
#[cfg(not(feature = "sqlite"))]
const SUPPORTED: &str = "`memory:` and, with the feature `sqlite`, `sqlite://<path>`";

#[cfg(test)]
mod tests;
