//! A worker's lease of a delivery.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;

use bytes::Bytes;

use super::endpoint::{DisabledBecause, Endpoint};
use super::message::NewEvent;
use super::record::AttemptReport;
use crate::base::clock::UnixMillis;
use crate::base::id::{DeliveryId, MessageId};
use crate::queue::{AttemptNumber, LeaseToken};
use crate::wire::event::EventType;

/// The deliveries that a worker wants.
///
/// ```
/// use std::num::NonZeroU16;
/// use std::time::Duration;
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::outbox::LeaseRequest;
/// use tower_auth_sync::queue::RetryPolicy;
///
/// let now = UnixMillis::from_millis(1_750_000_000_000);
/// let until = now.saturating_add(Duration::from_secs(60));
/// let attempts = RetryPolicy::banata().max_attempts();
/// let request = LeaseRequest::new(NonZeroU16::MIN, NonZeroU16::MIN, attempts, now, until);
/// assert_eq!(request.max.get(), 1);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct LeaseRequest {
    /// Most deliveries to lease.
    pub max: NonZeroU16,
    /// Most live leases of one endpoint, those of other workers included.
    pub per_endpoint: NonZeroU16,
    /// The last attempt. A delivery whose lease lapsed in this attempt or a later one has failed:
    /// a delivery that kills workers does not go on for ever.
    pub max_attempts: AttemptNumber,
    /// The time.
    pub now: UnixMillis,
    /// The time at which the leases lapse.
    pub until: UnixMillis,
}

impl LeaseRequest {
    /// Makes a request, as a worker does.
    #[must_use]
    pub const fn new(
        max: NonZeroU16,
        per_endpoint: NonZeroU16,
        max_attempts: AttemptNumber,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Self {
        Self {
            max,
            per_endpoint,
            max_attempts,
            now,
            until,
        }
    }
}

/// One delivery, leased until the lease is settled, released or lapses.
///
/// A worker may settle a lapsed lease until the delivery is leased again.
#[non_exhaustive]
#[derive(Clone)]
pub struct Lease {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The store's mark of the newest lease.
    pub token: LeaseToken,
    /// The number of this attempt; it counts from now on, whatever the outcome.
    pub attempt: AttemptNumber,
    /// The event's id: the same in every attempt.
    pub event: MessageId,
    /// The event's name.
    pub event_type: EventType,
    /// The request's body.
    pub payload: Bytes,
    /// The endpoint as it was when the lease began.
    pub endpoint: Arc<Endpoint>,
}

impl Lease {
    /// Makes a lease of `delivery`, which carries `event` to `endpoint`; for stores.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use tower_auth_sync::event::EventType;
    /// use tower_auth_sync::id::{DeliveryId, InvalidId, MessageId};
    /// use tower_auth_sync::outbox::{Endpoint, Lease, LeaseToken, NewEvent};
    /// use tower_auth_sync::queue::AttemptNumber;
    ///
    /// fn first_lease(endpoint: Arc<Endpoint>, payload: Vec<u8>) -> Result<Lease, InvalidId> {
    ///     let id = MessageId::new("msg_1")?;
    ///     let event = NewEvent::new(id, EventType::UserCreated, payload.into());
    ///     let (delivery, token) = (DeliveryId::new("whd_1")?, LeaseToken::new(1));
    ///     Ok(Lease::new(delivery, token, AttemptNumber::FIRST, event, endpoint))
    /// }
    /// ```
    #[must_use]
    pub fn new(
        delivery: DeliveryId,
        token: LeaseToken,
        attempt: AttemptNumber,
        event: NewEvent,
        endpoint: Arc<Endpoint>,
    ) -> Self {
        Self {
            delivery,
            token,
            attempt,
            event: event.id,
            event_type: event.event_type,
            payload: event.payload,
            endpoint,
        }
    }
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
