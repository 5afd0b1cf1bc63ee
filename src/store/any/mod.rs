//! A store chosen by its URL.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "sqlite")]
use super::sqlite::SqliteStore;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, EndpointId, MessageId};
use crate::queue::QueueListener;
use crate::receive::dedupe::{Dedupe, InvalidSource, MemoryDedupe};
use crate::receive::inbox::{Inbox, MemoryInbox};
use crate::receive::mirror::{MemoryMirror, Mirror, TablePrefix};
use crate::send::outbox::{
    Attempt, Delivery, DeliveryLog, Endpoint, EndpointStore, Inserted, Lease, LeaseRequest,
    MemoryOutbox, NewEndpoint, NewEvent, OutboxStore, Settled, Settlement,
};

/// A store chosen by its URL. Copies are cheap and share what is stored.
///
/// | URL | store | feature |
/// |---|---|---|
/// | `sqlite://auth-sync.db`, `sqlite:///var/lib/app/auth-sync.db` | `SqliteStore` on a file, which is made if it is missing | `sqlite` |
/// | `sqlite::memory:` | the same, gone when the last copy is dropped | `sqlite` |
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
pub struct AnyStore(Kind);

#[derive(Clone, Debug)]
enum Kind {
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
    /// Opens the store that `url` names and brings its tables up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_address`] for a URL that names no store of this build (the cause says which
    /// there are), otherwise what that store's own `connect` says.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        if url == MEMORY {
            return Ok(MemoryOutbox::new().into());
        }
        #[cfg(feature = "sqlite")]
        if url.starts_with("sqlite:") {
            return Ok(SqliteStore::connect(url).await?.into());
        }
        Err(StoreError::address(UnknownStore))
    }

    /// Returns the SQLite store, for the ports that this type does not have; `None` if it is
    /// another one.
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub const fn as_sqlite(&self) -> Option<&SqliteStore> {
        match &self.0 {
            Kind::Sqlite(store) => Some(store),
            Kind::Memory { .. } => None,
        }
    }

    /// Creates the handle that [`VerifyWebhookLayer::with_dedupe`] takes, for the receiver named
    /// `source`.
    ///
    /// [`VerifyWebhookLayer::with_dedupe`]: crate::receive::verify::VerifyWebhookLayer::with_dedupe
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless the name has 1 to 128 printable ASCII characters without spaces.
    pub fn dedupe(&self, source: &str) -> Result<Dedupe, InvalidSource> {
        match &self.0 {
            Kind::Memory { dedupe, .. } => dedupe.dedupe(source),
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(store) => store.dedupe(source),
        }
    }

    /// Creates the handle that [`VerifyWebhookLayer::with_inbox`] and the worker take, for the
    /// receiver named `source`.
    ///
    /// `memory:` keeps the messages in this process's memory.
    ///
    /// [`VerifyWebhookLayer::with_inbox`]: crate::receive::verify::VerifyWebhookLayer::with_inbox
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless the name has 1 to 128 printable ASCII characters without spaces.
    pub fn inbox(&self, source: &str) -> Result<Inbox, InvalidSource> {
        match &self.0 {
            Kind::Memory { inbox, .. } => inbox.inbox(source),
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(store) => store.inbox(source),
        }
    }

    /// Makes the tables of the mirror whose names begin with `prefix`, or brings them up to date,
    /// and returns a mirror on them. May be called again: one prefix is one mirror.
    ///
    /// `memory:` keeps a mirror for each prefix too, in this process's memory; it has no tables to
    /// join.
    ///
    /// # Errors
    ///
    /// What the store's own `mirror` says; `memory:` has none.
    pub async fn mirror(&self, prefix: TablePrefix) -> Result<Mirror, StoreError> {
        match &self.0 {
            Kind::Memory { mirrors, .. } => {
                let mut mirrors = mirrors.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(Mirror::new(mirrors.entry(prefix).or_default().clone()))
            }
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(store) => Ok(Mirror::new(store.mirror(prefix).await?)),
        }
    }
}

impl From<MemoryOutbox> for AnyStore {
    fn from(store: MemoryOutbox) -> Self {
        Self(Kind::Memory {
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
        Self(Kind::Sqlite(store))
    }
}

/// Calls a port's function on whichever store it is.
macro_rules! on {
    ($any:expr, $store:ident => $call:expr) => {
        match &$any.0 {
            Kind::Memory { store: $store, .. } => $call,
            #[cfg(feature = "sqlite")]
            Kind::Sqlite($store) => $call,
        }
    };
}

impl OutboxStore for AnyStore {
    async fn ping(&self) -> Result<(), StoreError> {
        on!(self, store => store.ping().await)
    }

    async fn enqueue(
        &self,
        events: Vec<NewEvent>,
        now: UnixMillis,
    ) -> Result<Vec<Inserted>, StoreError> {
        on!(self, store => store.enqueue(events, now).await)
    }

    async fn lease(&self, request: LeaseRequest) -> Result<Vec<Lease>, StoreError> {
        on!(self, store => store.lease(request).await)
    }

    async fn settle(
        &self,
        lease: &Lease,
        settlement: Settlement,
        now: UnixMillis,
    ) -> Result<Settled, StoreError> {
        on!(self, store => store.settle(lease, settlement, now).await)
    }

    async fn extend(&self, lease: &Lease, until: UnixMillis) -> Result<(), StoreError> {
        on!(self, store => store.extend(lease, until).await)
    }

    async fn release(&self, lease: &Lease, now: UnixMillis) -> Result<(), StoreError> {
        on!(self, store => store.release(lease, now).await)
    }

    async fn next_due(
        &self,
        per_endpoint: NonZeroU16,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        on!(self, store => store.next_due(per_endpoint, now).await)
    }

    async fn prune(&self, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
        on!(self, store => store.prune(before, max).await)
    }

    fn listen(&self) -> QueueListener {
        on!(self, store => store.listen())
    }
}

impl EndpointStore for AnyStore {
    async fn create(&self, endpoint: NewEndpoint, now: UnixMillis) -> Result<Endpoint, StoreError> {
        on!(self, store => store.create(endpoint, now).await)
    }

    async fn get(&self, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
        on!(self, store => store.get(id).await)
    }

    async fn list(&self) -> Result<Vec<Endpoint>, StoreError> {
        on!(self, store => store.list().await)
    }

    async fn disable(
        &self,
        id: &EndpointId,
        now: UnixMillis,
    ) -> Result<Option<Endpoint>, StoreError> {
        on!(self, store => store.disable(id, now).await)
    }

    async fn enable(&self, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
        on!(self, store => store.enable(id).await)
    }
}

impl DeliveryLog for AnyStore {
    async fn deliveries(&self, event: &MessageId) -> Result<Vec<Delivery>, StoreError> {
        on!(self, store => store.deliveries(event).await)
    }

    async fn attempts(&self, delivery: &DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        on!(self, store => store.attempts(delivery).await)
    }
}

/// No store of this build has such a URL. The URL, which may hold a password, is not shown.
#[derive(Debug, thiserror::Error)]
#[error("no store of this build has such a URL; there are {KNOWN}")]
struct UnknownStore;

const MEMORY: &str = "memory:";

#[cfg(feature = "sqlite")]
const KNOWN: &str = "`memory:`, `sqlite://<path>` and `sqlite::memory:`";
#[cfg(not(feature = "sqlite"))]
const KNOWN: &str = "`memory:` and, with the feature `sqlite`, `sqlite://<path>`";
