//! The entries of the store.

use std::sync::Arc;

use crate::base::clock::UnixMillis;
use crate::base::id::DeliveryId;
use crate::queue::{DueQueue, Stage, WorkState};
use crate::send::outbox::endpoint::Endpoint;
use crate::send::outbox::message::NewEvent;
use crate::send::outbox::record::{Attempt, DeliveryState};

pub(super) struct EndpointQueue {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) due: DueQueue<DeliveryKey>,
}

/// A delivery by its event's number, so that events of one millisecond go out in the order in which
/// they were stored.
pub(super) type DeliveryKey = (u64, DeliveryId);

pub(super) struct EventEntry {
    pub(super) event: NewEvent,
    pub(super) created_at: UnixMillis,
    pub(super) deliveries: Vec<DeliveryId>,
}

pub(super) struct DeliveryEntry {
    pub(super) event: u64,
    pub(super) endpoint: usize,
    pub(super) work: WorkState,
    /// The state of a finished delivery.
    pub(super) end: DeliveryState,
    pub(super) created_at: UnixMillis,
    pub(super) log: Vec<Attempt>,
}

impl DeliveryEntry {
    pub(super) const fn state(&self) -> DeliveryState {
        match self.work.stage() {
            Stage::Pending { .. } => DeliveryState::Pending,
            Stage::Leased { .. } => DeliveryState::Leased,
            Stage::Finished { .. } => self.end,
        }
    }
}
