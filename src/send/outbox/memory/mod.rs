//! A store in memory: for tests, demonstrations and events that may be lost with the process.

mod endpoints;
mod entries;
mod lease;
mod state;

#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::state::OutboxState;
use super::deliveries::{Deliveries, DeliveryLog};
use super::endpoint::{DisabledBecause, Endpoint};
use super::endpoint_store::EndpointStore;
use super::endpoints::Endpoints;
use super::handle::Outbox;
use super::lease::{DeliveryLease, Settled, Settlement};
use super::message::{Inserted, NewEvent};
use super::new_endpoint::NewEndpoint;
use super::port::OutboxStore;
use super::record::{Attempt, Delivery};
use crate::base::actor::Actor;
use crate::base::clock::UnixMillis;
use crate::base::entropy::{Entropy, SystemEntropy};
use crate::base::erased::become_handles;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, EndpointId, MessageId};
use crate::queue::{LeaseRequest, QueueListener, QueueNotify};

/// Keeps everything in memory: nothing survives the process. Clones share the store.
///
/// The limit is 100 000 events. Then the event whose deliveries finished first makes room, with its
/// idempotency key and its log. If none has finished, the store refuses new events as
/// [`unavailable`](StoreError::is_unavailable): a dead endpoint does not exhaust the memory.
///
/// ```
/// use tower_auth_sync::outbox::{Emitter, MemoryOutbox};
///
/// let store = MemoryOutbox::new();
/// let emitter = Emitter::new(store.clone());
/// ```
#[derive(Clone)]
pub struct MemoryOutbox {
    state: Arc<Mutex<OutboxState>>,
    signal: QueueNotify,
    entropy: Arc<dyn Entropy>,
}

impl MemoryOutbox {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(MAX_EVENTS)
    }

    fn with_capacity(events: usize) -> Self {
        Self {
            state: Arc::new(Mutex::new(OutboxState::new(events))),
            signal: QueueNotify::new(),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// Sets the randomness of ids. Default: [`SystemEntropy`].
    #[must_use]
    pub fn with_entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Ignores poison: refusing every call from then on would do more harm than a half-made change.
    fn state(&self) -> MutexGuard<'_, OutboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryOutbox {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryOutbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryOutbox").finish_non_exhaustive()
    }
}

impl OutboxStore for MemoryOutbox {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn enqueue(
        &self,
        events: Vec<NewEvent>,
        now: UnixMillis,
    ) -> Result<Vec<Inserted>, StoreError> {
        let inserted = self.state().enqueue(events, now, &*self.entropy)?;
        self.signal.notify();
        Ok(inserted)
    }

    async fn lease(
        &self,
        per_endpoint: NonZeroU16,
        request: LeaseRequest,
    ) -> Result<Vec<DeliveryLease>, StoreError> {
        Ok(self.state().lease(per_endpoint, request))
    }

    async fn settle(
        &self,
        lease: &DeliveryLease,
        settlement: Settlement,
        now: UnixMillis,
    ) -> Result<Settled, StoreError> {
        self.state().settle(lease, settlement, now)
    }

    async fn extend(&self, lease: &DeliveryLease, until: UnixMillis) -> Result<(), StoreError> {
        self.state().extend(lease, until)
    }

    async fn release(&self, lease: &DeliveryLease, now: UnixMillis) -> Result<(), StoreError> {
        self.state().release(lease, now)?;
        self.signal.notify();
        Ok(())
    }

    async fn next_due(
        &self,
        per_endpoint: NonZeroU16,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        Ok(self.state().next_due(per_endpoint, now))
    }

    async fn prune(&self, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
        Ok(self.state().prune(before, max.get().into()))
    }

    fn listen(&self) -> QueueListener {
        self.signal.listen()
    }
}

impl EndpointStore for MemoryOutbox {
    async fn create(
        &self,
        endpoint: NewEndpoint,
        _actor: &Actor,
        now: UnixMillis,
    ) -> Result<Endpoint, StoreError> {
        let id = EndpointId::generate(now, &*self.entropy);
        Ok(self.state().create(endpoint.into_endpoint(id, now)))
    }

    async fn get(&self, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
        Ok(self.state().endpoint(id))
    }

    async fn list(&self) -> Result<Vec<Endpoint>, StoreError> {
        Ok(self.state().endpoints())
    }

    async fn disable(
        &self,
        id: &EndpointId,
        _actor: &Actor,
        now: UnixMillis,
    ) -> Result<Option<Endpoint>, StoreError> {
        let mut state = self.state();
        if let Some(index) = state.index_of(id) {
            state.disable(index, DisabledBecause::Operator, now);
        }
        Ok(state.endpoint(id))
    }

    async fn enable(
        &self,
        id: &EndpointId,
        _actor: &Actor,
        _now: UnixMillis,
    ) -> Result<Option<Endpoint>, StoreError> {
        let mut state = self.state();
        if let Some(index) = state.index_of(id) {
            state.enable(index);
        }
        Ok(state.endpoint(id))
    }
}

impl DeliveryLog for MemoryOutbox {
    async fn of_event(&self, event: &MessageId) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.state().deliveries(event))
    }

    async fn attempts(&self, delivery: &DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        Ok(self.state().attempts(delivery))
    }
}

become_handles!(MemoryOutbox => Outbox, Endpoints, Deliveries);

/// With the payloads of 1 KiB that auth events have, some 150 MiB.
const MAX_EVENTS: usize = 100_000;
