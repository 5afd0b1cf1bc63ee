//! Endpoints: create, find, disable, enable.

use std::sync::Arc;

use super::entries::EndpointQueue;
use super::state::OutboxState;
use crate::base::clock::UnixMillis;
use crate::base::id::EndpointId;
use crate::queue::DueQueue;
use crate::send::outbox::endpoint::{DisabledBecause, Endpoint, EndpointStatus};
use crate::send::outbox::health::Health;
use crate::send::outbox::record::DeliveryState;

impl OutboxState {
    pub(super) fn create(&mut self, endpoint: Endpoint) -> Endpoint {
        self.endpoints.push(EndpointQueue {
            endpoint: Arc::new(endpoint.clone()),
            due: DueQueue::new(),
        });
        endpoint
    }

    pub(super) fn index_of(&self, id: &EndpointId) -> Option<usize> {
        self.endpoints.iter().position(|row| row.endpoint.id == *id)
    }

    pub(super) fn endpoint(&self, id: &EndpointId) -> Option<Endpoint> {
        let row = &self.endpoints[self.index_of(id)?];
        Some(Endpoint::clone(&row.endpoint))
    }

    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        let copy = |row: &EndpointQueue| Endpoint::clone(&row.endpoint);
        self.endpoints.iter().map(copy).collect()
    }

    /// Disables an enabled endpoint and cancels its pending deliveries.
    pub(super) fn disable(&mut self, index: usize, because: DisabledBecause, now: UnixMillis) {
        let row = &mut self.endpoints[index];
        if !row.endpoint.status.is_enabled() {
            return;
        }
        Arc::make_mut(&mut row.endpoint).status = EndpointStatus::Disabled { at: now, because };
        let pending: Vec<_> = row.due.pending().cloned().collect();
        for (_, id) in pending {
            self.end(&id, DeliveryState::Cancelled, now);
        }
    }

    pub(super) fn enable(&mut self, index: usize) {
        let endpoint = Arc::make_mut(&mut self.endpoints[index].endpoint);
        if !endpoint.status.is_enabled() {
            endpoint.status = EndpointStatus::Enabled;
            endpoint.health = Health::GOOD;
        }
    }
}
