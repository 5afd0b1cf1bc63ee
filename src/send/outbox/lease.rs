//! A worker's hold on a delivery.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;

use bytes::Bytes;

use super::endpoint::{DisabledBecause, Endpoint};
use super::record::AttemptReport;
use crate::base::clock::UnixMillis;
use crate::base::id::{DeliveryId, MessageId};
use crate::queue::AttemptNumber;
use crate::queue::LeaseToken;
use crate::wire::event::EventType;

/// What a worker asks for.
#[expect(
    clippy::exhaustive_structs,
    reason = "workers make it with all its fields"
)]
#[derive(Clone, Copy, Debug)]
pub struct LeaseRequest {
    /// Most deliveries to hand out.
    pub max: NonZeroU16,
    /// Most deliveries of one endpoint that may be under way at once, those of other workers
    /// included.
    pub per_endpoint: NonZeroU16,
    /// A delivery whose lease lapsed in this attempt, or a later one, has failed: whatever kills
    /// workers does not go on for ever.
    pub max_attempts: AttemptNumber,
    /// The time.
    pub now: UnixMillis,
    /// When the leases end by themselves.
    pub until: UnixMillis,
}

/// One delivery, held until the lease is settled, released or lapses.
///
/// A lapsed lease may still be settled until the delivery is leased again.
#[expect(
    clippy::exhaustive_structs,
    reason = "stores outside this crate make it"
)]
#[derive(Clone)]
pub struct Lease {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Shows the store that this is the newest lease.
    pub token: LeaseToken,
    /// Which attempt this is; it counts from now on, whatever becomes of it.
    pub attempt: AttemptNumber,
    /// The event's id: the same in every attempt.
    pub event: MessageId,
    /// What happened.
    pub event_type: EventType,
    /// The request's body.
    pub payload: Bytes,
    /// The endpoint as it was when the lease began.
    pub endpoint: Arc<Endpoint>,
}

/// Shows ids only.
impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("delivery", &self.delivery)
            .field("attempt", &self.attempt)
            .field("event", &self.event)
            .field("endpoint", &self.endpoint.id)
            .finish_non_exhaustive()
    }
}

/// How a lease ends: what the attempt was like, and what follows from it.
#[expect(
    clippy::exhaustive_structs,
    reason = "workers make it with all its fields"
)]
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Kept in the delivery's log.
    pub report: AttemptReport,
    /// What becomes of the delivery.
    pub outcome: Outcome,
    /// Before this time the endpoint wants no request at all, for whichever delivery. Of no meaning
    /// with [`Outcome::Delivered`], which ends such a pause.
    pub not_before: Option<UnixMillis>,
}

/// What becomes of a delivery after an attempt.
#[expect(
    clippy::exhaustive_enums,
    reason = "a store must decide on each; a new one is a new contract"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The endpoint took it.
    Delivered,
    /// The attempt failed; the next one is due at this time.
    Retry {
        /// When.
        at: UnixMillis,
    },
    /// The attempt failed and was the last.
    Exhausted,
    /// The endpoint said that it is gone for good (410).
    Gone,
}

/// What settling a lease brought about.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Settled {
    /// Why the endpoint was disabled by it; `None` if it was not.
    pub disabled: Option<DisabledBecause>,
}

impl Settled {
    /// The endpoint was disabled by it, or (`None`) was not.
    #[must_use]
    pub const fn disabling(disabled: Option<DisabledBecause>) -> Self {
        Self { disabled }
    }
}
