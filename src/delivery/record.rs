//! What a store tells about deliveries and their attempts.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::clock::UnixMillis;
use crate::id::{DeliveryId, EndpointId, MessageId};
use crate::retry::AttemptNumber;
use crate::work::named;

/// Most bytes that are kept of an endpoint's answer: 16 KiB.
pub const MAX_RESPONSE: usize = 16 * 1024;

named! {
    /// Where a delivery stands.
    #[expect(clippy::exhaustive_enums, reason = "the states of the module's diagram")]
    DeliveryState {
        /// Waits for its next attempt.
        Pending = "pending",
        /// A worker has it.
        Leased = "leased",
        /// The endpoint answered 2xx.
        Delivered = "delivered",
        /// No attempt is left, or the endpoint answered 410.
        Failed = "failed",
        /// The endpoint was disabled when the event came.
        Skipped = "skipped",
        /// The endpoint was disabled before it took the event.
        Cancelled = "cancelled",
    }
}

impl DeliveryState {
    /// Returns whether nothing more will happen by itself.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Leased)
    }
}

named! {
    /// Why an attempt failed, as far as the endpoint's owner may know.
    ///
    /// # Security
    ///
    /// Deliberately coarse: a finer reason would tell whoever may register endpoints which
    /// addresses and ports behind the firewall answer.
    #[non_exhaustive]
    FailureReason {
        /// The egress policy forbids the address.
        Blocked = "blocked",
        /// No connection could be made.
        Connect = "connect",
        /// No whole answer came in time.
        Timeout = "timeout",
        /// What came was no valid answer.
        Protocol = "protocol",
        /// The answer's status is not 2xx.
        Status = "status",
        /// The request could not be made, for example because a secret no longer fits its scheme.
        Unsendable = "unsendable",
    }
}

/// The delivery of one event to one endpoint, as it stands.
#[expect(
    clippy::exhaustive_structs,
    reason = "stores outside this crate make it"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// The event.
    pub event: MessageId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Where it stands.
    pub state: DeliveryState,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When a worker may take it: while pending the next attempt's time, while leased the lease's
    /// end, afterwards nothing.
    pub due_at: Option<UnixMillis>,
    /// When it was stored.
    pub created_at: UnixMillis,
    /// When it came to its final state.
    pub ended_at: Option<UnixMillis>,
}

/// One attempt, as it is kept.
#[expect(
    clippy::exhaustive_structs,
    reason = "stores outside this crate make it"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// Which attempt it was.
    pub number: AttemptNumber,
    /// How it went.
    pub report: AttemptReport,
}

/// How an attempt went.
#[expect(clippy::exhaustive_structs, reason = "workers make it, stores read it")]
#[derive(Clone, Eq, PartialEq)]
pub struct AttemptReport {
    /// When it began.
    pub started_at: UnixMillis,
    /// How long it took; stored in whole milliseconds.
    pub duration: Duration,
    /// The answer's status, if one came.
    pub status: Option<StatusCode>,
    /// Why it failed; `None` if it did not.
    pub failure: Option<FailureReason>,
    /// The beginning of the answer's body; stores keep [`MAX_RESPONSE`] bytes of it.
    pub response: Bytes,
}

impl AttemptReport {
    /// Returns the part of the answer's body that a store keeps.
    #[must_use]
    pub fn kept_response(&self) -> Bytes {
        self.response.slice(..self.response.len().min(MAX_RESPONSE))
    }
}

/// Shows the answer's length only.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_names_read_back() {
        for state in DeliveryState::ALL {
            assert_eq!(DeliveryState::by_name(state.as_str()), Some(*state));
        }
        for reason in FailureReason::ALL {
            assert_eq!(FailureReason::by_name(reason.as_str()), Some(*reason));
        }
        assert_eq!(DeliveryState::by_name("Pending"), None);
    }
}
