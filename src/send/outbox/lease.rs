//! A worker's lease of a delivery.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::endpoint::{DisabledBecause, Endpoint};
use super::message::NewEvent;
use super::record::AttemptReport;
use crate::base::clock::UnixMillis;
use crate::base::id::{DeliveryId, MessageId};
use crate::queue::Lease;
use crate::wire::event::EventType;

/// Lease of one delivery.
pub type DeliveryLease = Lease<DeliveryId, DeliveryWork>;

/// The work of a delivery: what to send, and where.
///
/// ```
/// use std::sync::Arc;
///
/// use tower_auth_sync::event::EventType;
/// use tower_auth_sync::id::{DeliveryId, InvalidId, MessageId};
/// use tower_auth_sync::outbox::{DeliveryLease, DeliveryWork, Endpoint, NewEvent};
/// use tower_auth_sync::queue::{AttemptNumber, LeaseToken};
///
/// fn first_lease(endpoint: Arc<Endpoint>, payload: Vec<u8>) -> Result<DeliveryLease, InvalidId> {
///     let id = MessageId::new("msg_1")?;
///     let event = NewEvent::new(id, EventType::UserCreated, payload.into());
///     let work = DeliveryWork::new(event, endpoint);
///     let delivery = DeliveryId::new("whd_1")?;
///     Ok(DeliveryLease::new(delivery, LeaseToken::new(1), AttemptNumber::FIRST, work))
/// }
/// ```
#[non_exhaustive]
#[derive(Clone)]
pub struct DeliveryWork {
    /// The event's id: the same in every attempt.
    pub event: MessageId,
    /// The event's name.
    pub event_type: EventType,
    /// The request's body.
    pub payload: Bytes,
    /// The endpoint as it was when the lease began.
    pub endpoint: Arc<Endpoint>,
}

impl DeliveryWork {
    /// Makes the work that carries `event` to `endpoint`; for stores.
    #[must_use]
    pub fn new(event: NewEvent, endpoint: Arc<Endpoint>) -> Self {
        Self {
            event: event.id,
            event_type: event.event_type,
            payload: event.payload,
            endpoint,
        }
    }
}

/// Shows ids only.
impl fmt::Debug for DeliveryWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryWork")
            .field("event", &self.event)
            .field("endpoint", &self.endpoint.id)
            .finish_non_exhaustive()
    }
}

/// The end of a lease: the attempt's report, and what follows.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::outbox::{AttemptReport, Outcome, Settlement};
///
/// let report = AttemptReport::new(UnixMillis::EPOCH, Duration::from_millis(20));
/// let settlement = Settlement::new(report, Outcome::Delivered);
/// assert_eq!(settlement.outcome, Outcome::Delivered);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The report for the delivery's log.
    pub report: AttemptReport,
    /// What follows for the delivery.
    pub outcome: Outcome,
    /// The time before which the endpoint wants no request, of any delivery. Ignored with
    /// [`Outcome::Delivered`], which ends such a pause.
    pub not_before: Option<UnixMillis>,
}

impl Settlement {
    /// Makes a settlement without a pause of the endpoint.
    #[must_use]
    pub const fn new(report: AttemptReport, outcome: Outcome) -> Self {
        Self {
            report,
            outcome,
            not_before: None,
        }
    }

    /// Sets the time before which the endpoint wants no request. Default: none.
    #[must_use]
    pub fn with_not_before(self, not_before: Option<UnixMillis>) -> Self {
        Self { not_before, ..self }
    }
}

/// What follows for a delivery after an attempt.
#[expect(
    clippy::exhaustive_enums,
    reason = "a store must decide on each; a new one is a new contract"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The endpoint took the message.
    Delivered,
    /// The attempt failed; another one follows.
    Retry {
        /// The time when the next attempt is due.
        at: UnixMillis,
    },
    /// The attempt failed and was the last.
    Exhausted,
    /// The endpoint is gone for good (410).
    Gone,
}

/// The effect of a settlement on the endpoint.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Settled {
    /// Why the settlement disabled the endpoint; `None` if it did not.
    pub disabled: Option<DisabledBecause>,
}

impl Settled {
    /// Says why the settlement disabled the endpoint, or (`None`) that it did not.
    #[must_use]
    pub const fn disabling(disabled: Option<DisabledBecause>) -> Self {
        Self { disabled }
    }
}
