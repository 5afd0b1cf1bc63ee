//! What a store tells about deliveries and their attempts.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::base::clock::UnixMillis;
use crate::base::id::{DeliveryId, EndpointId, MessageId};
use crate::queue::AttemptNumber;
use crate::queue::text_enum;

/// Most bytes that are kept of the answer to an attempt that failed, and most that are read of any:
/// 16 KiB.
pub const MAX_RESPONSE: usize = 16 * 1024;

/// Most bytes that are kept of the answer to an attempt that succeeded: 1 KiB, since most attempts
/// do and an endpoint's owner does not choose how fast the database grows.
pub const MAX_SUCCESS_RESPONSE: usize = 1024;

text_enum! {
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

text_enum! {
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
    /// The beginning of the answer's body; stores keep [`kept_response`](Self::kept_response) of it.
    pub response: Bytes,
}

impl AttemptReport {
    /// Returns the part of the answer's body that a store keeps: [`MAX_RESPONSE`] bytes if the
    /// attempt failed, [`MAX_SUCCESS_RESPONSE`] bytes if it did not. A character of UTF-8 that is
    /// cut at this limit is left out.
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

/// Returns how many bytes at the end of `text` are the beginning of a character whose end is missing;
/// none if this is no UTF-8.
fn cut_character(text: &[u8]) -> usize {
    let last = text.utf8_chunks().last();
    let cut = last.map_or(&[][..], |chunk| chunk.invalid());
    let is_beginning = std::str::from_utf8(cut).is_err_and(|error| error.error_len().is_none());
    if is_beginning { cut.len() } else { 0 }
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

    fn kept(response: &str, failure: Option<FailureReason>) -> Bytes {
        let report = AttemptReport {
            started_at: UnixMillis::EPOCH,
            duration: Duration::ZERO,
            status: None,
            failure,
            response: Bytes::copy_from_slice(response.as_bytes()),
        };
        report.kept_response()
    }

    #[test]
    fn of_a_response_that_is_text_no_half_character_is_kept() {
        for (failure, limit) in [
            (None, MAX_SUCCESS_RESPONSE),
            (Some(FailureReason::Status), MAX_RESPONSE),
        ] {
            for character in ["x", "\u{e9}", "\u{20ac}", "\u{1f600}"] {
                for before in 0..5 {
                    let text = "a".repeat(before) + &character.repeat(limit);
                    let kept = kept(&text, failure);
                    assert!(text.as_bytes().starts_with(&kept));
                    assert!(std::str::from_utf8(&kept).is_ok(), "{before} {character}");
                    assert!((limit - 3..=limit).contains(&kept.len()), "{}", kept.len());
                }
            }
        }
    }

    #[test]
    fn a_character_that_the_client_cut_at_the_limit_is_left_out() {
        let mut report = AttemptReport {
            started_at: UnixMillis::EPOCH,
            duration: Duration::ZERO,
            status: None,
            failure: Some(FailureReason::Status),
            response: Bytes::from("a".to_owned() + &"\u{e9}".repeat(MAX_RESPONSE)),
        };
        report.response.truncate(MAX_RESPONSE);
        assert_eq!(report.kept_response().len(), MAX_RESPONSE - 1);
    }

    #[test]
    fn of_a_response_that_is_no_text_every_byte_up_to_the_limit_is_kept() {
        let mut report = AttemptReport {
            started_at: UnixMillis::EPOCH,
            duration: Duration::ZERO,
            status: None,
            failure: None,
            response: Bytes::from(vec![0xff; 2 * MAX_SUCCESS_RESPONSE]),
        };
        assert_eq!(report.kept_response().len(), MAX_SUCCESS_RESPONSE);
        report.response = Bytes::from_static(b"short \xe2\x82");
        assert_eq!(report.kept_response(), report.response);
    }

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
