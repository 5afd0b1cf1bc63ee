//! The entries of the store.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::clock::UnixMillis;
use crate::base::id::DeliveryId;
use crate::send::outbox::endpoint::Endpoint;
use crate::send::outbox::message::NewEvent;
use crate::send::outbox::record::{Attempt, DeliveryState};

pub(super) struct EndpointQueues {
    pub(super) endpoint: Arc<Endpoint>,
    /// Pending deliveries by their due time.
    pub(super) pending: BTreeSet<QueueSlot>,
    /// Leased deliveries by the end of their lease.
    pub(super) leased: BTreeSet<QueueSlot>,
}

/// A delivery in a queue: by its time, then by its event's number, so that events of one
/// millisecond go out in the order in which they were stored.
pub(super) type QueueSlot = (UnixMillis, u64, DeliveryId);

pub(super) struct EventEntry {
    pub(super) event: NewEvent,
    pub(super) created_at: UnixMillis,
    pub(super) deliveries: Vec<DeliveryId>,
}

pub(super) struct DeliveryEntry {
    pub(super) event: u64,
    pub(super) endpoint: usize,
    pub(super) state: DeliveryState,
    pub(super) due_at: Option<UnixMillis>,
    pub(super) attempts: u32,
    pub(super) token: u64,
    pub(super) created_at: UnixMillis,
    pub(super) ended_at: Option<UnixMillis>,
    pub(super) log: Vec<Attempt>,
}

impl EndpointQueues {
    pub(super) fn queue(&mut self, state: DeliveryState) -> Option<&mut BTreeSet<QueueSlot>> {
        match state {
            DeliveryState::Pending => Some(&mut self.pending),
            DeliveryState::Leased => Some(&mut self.leased),
            DeliveryState::Delivered
            | DeliveryState::Failed
            | DeliveryState::Skipped
            | DeliveryState::Cancelled => None,
        }
    }
}
