//! Erased handle to a store of events and deliveries.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;

use super::lease::{DeliveryLease, Settled, Settlement};
use super::message::{Inserted, NewEvent};
use super::port::OutboxStore;
use crate::base::clock::UnixMillis;
use crate::base::erased::erased;
use crate::base::error::StoreError;
use crate::queue::{LeaseRequest, QueueListener};

/// Erased handle to a store of events and deliveries, for an [emitter](super::emitter::Emitter) and
/// a worker. Clones are cheap and share the store.
///
/// A handle is itself an [`OutboxStore`]. A store of your own may wrap one:
///
/// ```
/// use std::num::NonZeroU16;
///
/// use tower_auth_sync::StoreError;
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::outbox::{
///     DeliveryLease, Emitter, Inserted, MemoryOutbox, NewEvent, Outbox, OutboxStore, Settled,
///     Settlement,
/// };
/// use tower_auth_sync::queue::{LeaseRequest, QueueListener};
///
/// struct Logged(MemoryOutbox);
///
/// impl OutboxStore for Logged {
///     async fn enqueue(&self, events: Vec<NewEvent>, now: UnixMillis) -> Result<Vec<Inserted>, StoreError> {
///         println!("{} events", events.len());
///         self.0.enqueue(events, now).await
///     }
///     async fn ping(&self) -> Result<(), StoreError> {
///         self.0.ping().await
///     }
///     async fn lease(&self, per_endpoint: NonZeroU16, request: LeaseRequest) -> Result<Vec<DeliveryLease>, StoreError> {
///         self.0.lease(per_endpoint, request).await
///     }
///     async fn settle(&self, lease: &DeliveryLease, settlement: Settlement, now: UnixMillis) -> Result<Settled, StoreError> {
///         self.0.settle(lease, settlement, now).await
///     }
///     async fn extend(&self, lease: &DeliveryLease, until: UnixMillis) -> Result<(), StoreError> {
///         self.0.extend(lease, until).await
///     }
///     async fn release(&self, lease: &DeliveryLease, now: UnixMillis) -> Result<(), StoreError> {
///         self.0.release(lease, now).await
///     }
///     async fn next_due(&self, per_endpoint: NonZeroU16, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
///         self.0.next_due(per_endpoint, now).await
///     }
///     async fn prune(&self, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
///         self.0.prune(before, max).await
///     }
///     fn listen(&self) -> QueueListener {
///         self.0.listen()
///     }
/// }
///
/// let emitter = Emitter::new(Outbox::new(Logged(MemoryOutbox::new())));
/// ```
#[derive(Clone)]
pub struct Outbox(Arc<dyn DynOutboxStore>);

impl Outbox {
    /// Creates a handle to `store`.
    #[must_use]
    pub fn new(store: impl OutboxStore) -> Self {
        Self(Arc::new(store))
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox(..)")
    }
}

impl OutboxStore for Outbox {
    async fn ping(&self) -> Result<(), StoreError> {
        self.0.ping().await
    }

    async fn enqueue(
        &self,
        events: Vec<NewEvent>,
        now: UnixMillis,
    ) -> Result<Vec<Inserted>, StoreError> {
        self.0.enqueue(events, now).await
    }

    async fn lease(
        &self,
        per_endpoint: NonZeroU16,
        request: LeaseRequest,
    ) -> Result<Vec<DeliveryLease>, StoreError> {
        self.0.lease(per_endpoint, request).await
    }

    async fn settle(
        &self,
        lease: &DeliveryLease,
        settlement: Settlement,
        now: UnixMillis,
    ) -> Result<Settled, StoreError> {
        self.0.settle(lease, settlement, now).await
    }

    async fn extend(&self, lease: &DeliveryLease, until: UnixMillis) -> Result<(), StoreError> {
        self.0.extend(lease, until).await
    }

    async fn release(&self, lease: &DeliveryLease, now: UnixMillis) -> Result<(), StoreError> {
        self.0.release(lease, now).await
    }

    async fn next_due(
        &self,
        per_endpoint: NonZeroU16,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        self.0.next_due(per_endpoint, now).await
    }

    async fn prune(&self, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
        self.0.prune(before, max).await
    }

    fn listen(&self) -> QueueListener {
        self.0.listen()
    }
}

erased! {
    /// [`OutboxStore`] as an object.
    trait DynOutboxStore: OutboxStore;
    async OutboxStore::ping() -> Result<(), StoreError>;
    async OutboxStore::enqueue(events: Vec<NewEvent>, now: UnixMillis) -> Result<Vec<Inserted>, StoreError>;
    async OutboxStore::lease(per_endpoint: NonZeroU16, request: LeaseRequest) -> Result<Vec<DeliveryLease>, StoreError>;
    async OutboxStore::settle(lease: &'a DeliveryLease, settlement: Settlement, now: UnixMillis) -> Result<Settled, StoreError>;
    async OutboxStore::extend(lease: &'a DeliveryLease, until: UnixMillis) -> Result<(), StoreError>;
    async OutboxStore::release(lease: &'a DeliveryLease, now: UnixMillis) -> Result<(), StoreError>;
    async OutboxStore::next_due(per_endpoint: NonZeroU16, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError>;
    async OutboxStore::prune(before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError>;
    fn OutboxStore::listen() -> QueueListener;
}
