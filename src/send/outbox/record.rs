//! The log: deliveries and their attempts.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::base::clock::UnixMillis;
use crate::base::id::{DeliveryId, EndpointId, MessageId};
use crate::queue::{AttemptNumber, text_enum};

text_enum! {
    /// The state of a delivery.
    #[expect(clippy::exhaustive_enums, reason = "the states of the module's diagram")]
    DeliveryState {
        /// The next attempt waits.
        Pending = "pending",
        /// A worker has a lease.
        Leased = "leased",
        /// The endpoint responded 2xx.
        Delivered = "delivered",
        /// No attempt is left, or the endpoint responded 410.
        Failed = "failed",
        /// The endpoint was disabled when the event came.
        Skipped = "skipped",
        /// The endpoint was disabled before the delivery succeeded.
        Cancelled = "cancelled",
    }
}

impl DeliveryState {
    /// Returns whether the delivery is finished.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Leased)
    }
}

text_enum! {
    /// Why an attempt failed, as far as the endpoint's owner may know.
    ///
    /// # Security
    ///
    /// Deliberately coarse: a finer reason would show everybody who may register endpoints which
    /// addresses and ports behind the firewall respond.
    #[non_exhaustive]
    FailureReason {
        /// The egress policy forbids the address.
        Blocked = "blocked",
        /// No connection could be made.
        Connect = "connect",
        /// No complete response came within the timeout.
        Timeout = "timeout",
        /// The response is not valid HTTP.
        Protocol = "protocol",
        /// The response's status is not 2xx.
        Status = "status",
        /// The worker could not make the request, for example because a secret no longer fits its
        /// scheme.
        Unsendable = "unsendable",
    }
}

/// The delivery of one event to one endpoint.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivery {
    /// The delivery's id.
    pub id: DeliveryId,
    /// The event.
    pub event: MessageId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The state.
    pub state: DeliveryState,
    /// The number of attempts that began.
    pub attempts: u32,
    /// The time from which a worker may lease the delivery: while pending the next attempt's time,
    /// while leased the lease's end, afterwards nothing.
    pub due_at: Option<UnixMillis>,
    /// The time when the delivery was stored.
    pub created_at: UnixMillis,
    /// The time when the delivery finished.
    pub ended_at: Option<UnixMillis>,
}

impl Delivery {
    /// Makes a delivery from what a store holds: no attempt began, nothing is due, and the delivery
    /// has no end. Set what differs with the setters; a store has to pass all that it holds.
    ///
    /// ```
    /// use tower_auth_sync::clock::UnixMillis;
    /// use tower_auth_sync::id::{DeliveryId, EndpointId, MessageId};
    /// use tower_auth_sync::outbox::{Delivery, DeliveryState};
    ///
    /// let stored = UnixMillis::EPOCH;
    /// let delivery = Delivery::from_stored(
    ///     DeliveryId::new("whd_1")?,
    ///     MessageId::new("msg_1")?,
    ///     EndpointId::new("we_1")?,
    ///     DeliveryState::Pending,
    ///     stored,
    /// )
    /// .with_due_at(Some(stored));
    /// assert!(!delivery.state.is_final());
    /// # Ok::<(), tower_auth_sync::id::InvalidId>(())
    /// ```
    #[must_use]
    pub const fn from_stored(
        id: DeliveryId,
        event: MessageId,
        endpoint: EndpointId,
        state: DeliveryState,
        created_at: UnixMillis,
    ) -> Self {
        Self {
            id,
            event,
            endpoint,
            state,
            attempts: 0,
            due_at: None,
            created_at,
            ended_at: None,
        }
    }

    /// Sets the number of attempts that began. Default: 0.
    #[must_use]
    pub fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// Sets the time from which a worker may lease the delivery. Default: none.
    #[must_use]
    pub fn with_due_at(self, due_at: Option<UnixMillis>) -> Self {
        Self { due_at, ..self }
    }

    /// Sets the time when the delivery finished. Default: none.
    #[must_use]
    pub fn with_ended_at(self, ended_at: Option<UnixMillis>) -> Self {
        Self { ended_at, ..self }
    }
}

/// One recorded attempt.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::outbox::{Attempt, AttemptReport};
/// use tower_auth_sync::queue::AttemptNumber;
///
/// let report = AttemptReport::new(UnixMillis::EPOCH, Duration::from_millis(20));
/// let attempt = Attempt::new(AttemptNumber::FIRST, report);
/// assert_eq!(attempt.number.get(), 1);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// The attempt's number.
    pub number: AttemptNumber,
    /// The report.
    pub report: AttemptReport,
}

impl Attempt {
    /// Makes an attempt from what a store holds.
    #[must_use]
    pub const fn new(number: AttemptNumber, report: AttemptReport) -> Self {
        Self { number, report }
    }
}

/// The report of an attempt.
#[non_exhaustive]
#[derive(Clone, Eq, PartialEq)]
pub struct AttemptReport {
    /// The time when the attempt began.
    pub started_at: UnixMillis,
    /// The time that the attempt took; stored in whole milliseconds.
    pub duration: Duration,
    /// The response's status, if a response came.
    pub status: Option<StatusCode>,
    /// The reason of the failure; `None` if the attempt succeeded.
    pub failure: Option<FailureReason>,
    /// The beginning of the response's body; stores keep
    /// [`kept_response`](Self::kept_response).
    pub response: Bytes,
}

impl AttemptReport {
    /// Makes the report of an attempt without a response and without a failure; set both with the
    /// setters.
    #[must_use]
    pub const fn new(started_at: UnixMillis, duration: Duration) -> Self {
        Self {
            started_at,
            duration,
            status: None,
            failure: None,
            response: Bytes::new(),
        }
    }

    /// Sets the response: its status and the beginning of its body. Default: no response came.
    #[must_use]
    pub fn with_response(self, status: Option<StatusCode>, body: Bytes) -> Self {
        Self {
            status,
            response: body,
            ..self
        }
    }

    /// Sets the reason of the failure. Default: none, the attempt succeeded.
    #[must_use]
    pub fn with_failure(self, failure: Option<FailureReason>) -> Self {
        Self { failure, ..self }
    }

    /// Returns the part of the response's body that a store keeps: [`MAX_RESPONSE`] bytes if the
    /// attempt failed, [`MAX_SUCCESS_RESPONSE`] bytes if it succeeded. A character of UTF-8 that
    /// this limit cuts is left out.
    #[must_use]
    pub fn kept_response(&self) -> Bytes {
        let limit = match self.failure {
            Some(_) => MAX_RESPONSE,
            None => MAX_SUCCESS_RESPONSE,
        };
        if self.response.len() < limit {
            return self.response.clone();
        }
        let kept = self.response.slice(..limit);
        kept.slice(..limit - cut_character(&kept))
    }
}

/// Returns the number of bytes at the end of `text` that begin a character whose end is missing;
/// none if the text is not UTF-8.
fn cut_character(text: &[u8]) -> usize {
    let last = text.utf8_chunks().last();
    let cut = last.map_or(&[][..], |chunk| chunk.invalid());
    let is_beginning = std::str::from_utf8(cut).is_err_and(|error| error.error_len().is_none());
    if is_beginning { cut.len() } else { 0 }
}

/// Shows the response's length only.
impl fmt::Debug for AttemptReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptReport")
            .field("started_at", &self.started_at)
            .field("duration", &self.duration)
            .field("status", &self.status)
            .field("failure", &self.failure)
            .field("response_bytes", &self.response.len())
            .finish()
    }
}

/// Most bytes that a store keeps of the response to a failed attempt, and most that the client reads
/// of any: 16 KiB.
pub const MAX_RESPONSE: usize = 16 * 1024;

/// Most bytes that a store keeps of the response to a successful attempt: 1 KiB, since most attempts
/// succeed and an endpoint's owner does not choose how fast the database grows.
pub const MAX_SUCCESS_RESPONSE: usize = 1024;
