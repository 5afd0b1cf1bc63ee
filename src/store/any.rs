//! A store chosen by its URL.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "sqlite")]
use super::sqlite::SqliteStore;
use crate::base::erased::BoxFuture;
use crate::base::error::StoreError;
use crate::receive::dedupe::{Dedupe, InvalidSource, MemoryDedupe};
use crate::receive::inbox::{Inbox, MemoryInbox};
use crate::receive::mirror::{MemoryMirror, Mirror, TablePrefix};
use crate::send::outbox::{Deliveries, Emitter, Endpoints, MemoryOutbox, Outbox};
use crate::token::{Keys, MemoryKeys};

/// A store chosen by its URL: a handle for each port. Copies are cheap and share the data.
///
/// | URL | store | feature |
/// |---|---|---|
/// | `sqlite://auth-sync.db`, `sqlite:///var/lib/app/auth-sync.db` | `SqliteStore` on a file, which is created if it is missing | `sqlite` |
/// | `sqlite::memory:` | `SqliteStore` in memory, until the last copy is dropped | `sqlite` |
/// | `memory:` | [`MemoryOutbox`], [`MemoryDedupe`], [`MemoryInbox`], [`MemoryMirror`], [`MemoryKeys`] | |
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # async fn example() -> Result<(), tower_auth_sync::StoreError> {
/// use tower_auth_sync::store::AnyStore;
///
/// let store = AnyStore::connect("sqlite://auth-sync.db").await?;
/// let emitter = store.emitter();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AnyStore {
    outbox: Outbox,
    endpoints: Endpoints,
    deliveries: Deliveries,
    keys: Keys,
    receiver: Arc<dyn ReceiverStore>,
}

/// The ports of the receiving side: a handle binds one to a name.
trait ReceiverStore: Send + Sync {
    fn dedupe(&self, source: &str) -> Result<Dedupe, InvalidSource>;
    fn inbox(&self, source: &str) -> Result<Inbox, InvalidSource>;
    fn mirror(&self, prefix: TablePrefix) -> BoxFuture<'_, Result<Mirror, StoreError>>;
}

impl AnyStore {
    /// Opens the store of `url` and migrates its tables.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_address`] for a URL that names no store of this build (the cause lists them),
    /// otherwise as for that store's own `connect`.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("memory", "")) => Ok(Self::in_memory()),
            Some(("sqlite", _)) => connect_sqlite(url).await,
            _ => Err(StoreError::address(UnknownStore)),
        }
    }

    fn in_memory() -> Self {
        let store = MemoryOutbox::new();
        Self {
            outbox: Outbox::new(store.clone()),
            endpoints: Endpoints::new(store.clone()),
            deliveries: Deliveries::new(store),
            keys: MemoryKeys::new().into(),
            receiver: Arc::new(MemoryReceiver::new()),
        }
    }

    /// Returns the handle for emitters and workers. Both also take `&store` itself.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// Returns the handle for administrators of endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        self.endpoints.clone()
    }

    /// Returns the handle for readers of the delivery log.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries {
        self.deliveries.clone()
    }

    /// Returns the handle for issuers of tokens, which also take `&store` itself.
    #[must_use]
    pub fn keys(&self) -> Keys {
        self.keys.clone()
    }

    /// Creates an emitter that writes to this store.
    #[must_use]
    pub fn emitter(&self) -> Emitter {
        Emitter::new(self)
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
        self.receiver.dedupe(source)
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
        self.receiver.inbox(source)
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
        self.receiver.mirror(prefix).await
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyStore(..)")
    }
}

/// Lets the store become its handles, by value or by reference.
macro_rules! become_its_handles {
    ($($handle:ident = $get:ident),*) => {
        $(
            impl From<AnyStore> for $handle {
                fn from(store: AnyStore) -> Self {
                    store.$get()
                }
            }

            impl From<&AnyStore> for $handle {
                fn from(store: &AnyStore) -> Self {
                    store.$get()
                }
            }
        )*
    };
}

become_its_handles!(
    Outbox = outbox,
    Endpoints = endpoints,
    Deliveries = deliveries,
    Keys = keys
);

struct MemoryReceiver {
    dedupe: MemoryDedupe,
    inbox: MemoryInbox,
    mirrors: Mutex<HashMap<TablePrefix, MemoryMirror>>,
}

impl MemoryReceiver {
    fn new() -> Self {
        let dedupe = MemoryDedupe::new();
        Self {
            inbox: MemoryInbox::sharing(dedupe.clone()),
            dedupe,
            mirrors: Mutex::default(),
        }
    }
}

impl ReceiverStore for MemoryReceiver {
    fn dedupe(&self, source: &str) -> Result<Dedupe, InvalidSource> {
        self.dedupe.dedupe(source)
    }

    fn inbox(&self, source: &str) -> Result<Inbox, InvalidSource> {
        self.inbox.inbox(source)
    }

    fn mirror(&self, prefix: TablePrefix) -> BoxFuture<'_, Result<Mirror, StoreError>> {
        let mut mirrors = self.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
        let mirror = Mirror::new(mirrors.entry(prefix).or_default().clone());
        Box::pin(std::future::ready(Ok(mirror)))
    }
}

#[cfg(feature = "sqlite")]
async fn connect_sqlite(url: &str) -> Result<AnyStore, StoreError> {
    Ok(SqliteStore::connect(url).await?.into())
}

#[cfg(not(feature = "sqlite"))]
async fn connect_sqlite(_url: &str) -> Result<AnyStore, StoreError> {
    Err(StoreError::address(UnknownStore))
}

#[cfg(feature = "sqlite")]
impl From<SqliteStore> for AnyStore {
    fn from(store: SqliteStore) -> Self {
        Self {
            outbox: Outbox::new(store.clone()),
            endpoints: Endpoints::new(store.clone()),
            deliveries: Deliveries::new(store.clone()),
            keys: Keys::new(store.clone()),
            receiver: Arc::new(store),
        }
    }
}

#[cfg(feature = "sqlite")]
impl ReceiverStore for SqliteStore {
    fn dedupe(&self, source: &str) -> Result<Dedupe, InvalidSource> {
        Self::dedupe(self, source)
    }

    fn inbox(&self, source: &str) -> Result<Inbox, InvalidSource> {
        Self::inbox(self, source)
    }

    fn mirror(&self, prefix: TablePrefix) -> BoxFuture<'_, Result<Mirror, StoreError>> {
        Box::pin(Self::mirror(self, prefix))
    }
}

/// The URL names no store of this build. The error does not show the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error(
    "the URL names no store of this build; there are `memory:` and, with the feature `sqlite`, \
     `sqlite://<path>` and `sqlite::memory:`"
)]
struct UnknownStore;

#[cfg(test)]
mod tests;
