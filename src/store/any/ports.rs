//! The outbox, endpoint and log ports.

use std::num::NonZeroU16;

use super::{AnyStore, Backend};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, EndpointId, MessageId};
use crate::queue::QueueListener;
use crate::send::outbox::{
    Attempt, Delivery, DeliveryLog, Endpoint, EndpointStore, Inserted, Lease, LeaseRequest,
    NewEndpoint, NewEvent, OutboxStore, Settled, Settlement,
};

/// Calls a port's function on the store.
macro_rules! delegate {
    ($any:expr, $store:ident => $call:expr) => {
        match &$any.0 {
            Backend::Memory { store: $store, .. } => $call,
            #[cfg(feature = "sqlite")]
            Backend::Sqlite($store) => $call,
        }
    };
}

impl OutboxStore for AnyStore {
    async fn ping(&self) -> Result<(), StoreError> {
        delegate!(self, store => store.ping().await)
    }

    async fn enqueue(
        &self,
        events: Vec<NewEvent>,
        now: UnixMillis,
    ) -> Result<Vec<Inserted>, StoreError> {
        delegate!(self, store => store.enqueue(events, now).await)
    }

    async fn lease(&self, request: LeaseRequest) -> Result<Vec<Lease>, StoreError> {
        delegate!(self, store => store.lease(request).await)
    }

    async fn settle(
        &self,
        lease: &Lease,
        settlement: Settlement,
        now: UnixMillis,
    ) -> Result<Settled, StoreError> {
        delegate!(self, store => store.settle(lease, settlement, now).await)
    }

    async fn extend(&self, lease: &Lease, until: UnixMillis) -> Result<(), StoreError> {
        delegate!(self, store => store.extend(lease, until).await)
    }

    async fn release(&self, lease: &Lease, now: UnixMillis) -> Result<(), StoreError> {
        delegate!(self, store => store.release(lease, now).await)
    }

    async fn next_due(
        &self,
        per_endpoint: NonZeroU16,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        delegate!(self, store => store.next_due(per_endpoint, now).await)
    }

    async fn prune(&self, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
        delegate!(self, store => store.prune(before, max).await)
    }

    fn listen(&self) -> QueueListener {
        delegate!(self, store => store.listen())
    }
}

impl EndpointStore for AnyStore {
    async fn create(&self, endpoint: NewEndpoint, now: UnixMillis) -> Result<Endpoint, StoreError> {
        delegate!(self, store => store.create(endpoint, now).await)
    }

    async fn get(&self, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
        delegate!(self, store => store.get(id).await)
    }

    async fn list(&self) -> Result<Vec<Endpoint>, StoreError> {
        delegate!(self, store => store.list().await)
    }

    async fn disable(
        &self,
        id: &EndpointId,
        now: UnixMillis,
    ) -> Result<Option<Endpoint>, StoreError> {
        delegate!(self, store => store.disable(id, now).await)
    }

    async fn enable(&self, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
        delegate!(self, store => store.enable(id).await)
    }
}

impl DeliveryLog for AnyStore {
    async fn deliveries(&self, event: &MessageId) -> Result<Vec<Delivery>, StoreError> {
        delegate!(self, store => store.deliveries(event).await)
    }

    async fn attempts(&self, delivery: &DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        delegate!(self, store => store.attempts(delivery).await)
    }
}
