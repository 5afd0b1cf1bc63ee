//! State of stored messages.

use std::fmt;

use http::StatusCode;

use crate::base::clock::UnixMillis;
use crate::base::id::InboxId;
use crate::queue::text_enum;

text_enum! {
    /// State of a stored message.
    #[expect(clippy::exhaustive_enums, reason = "the states of the module's diagram")]
    MessageState {
        /// The message waits for its next run.
        Pending = "pending",
        /// A worker has the message.
        Leased = "leased",
        /// The handler responded 2xx.
        Done = "done",
        /// No run is left, or the stored request is unreadable.
        Failed = "failed",
    }
}

impl MessageState {
    /// Returns whether the message is finished: nothing more happens by itself.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// Reason why a run failed. Contains nothing from the request or the handler's response.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Failure {
    /// The handler responded with a status other than 2xx.
    Status(StatusCode),
    /// The handler returned an error instead of a response.
    Error,
    /// The handler panicked.
    Panic,
    /// The handler did not respond before the timeout of a run.
    Timeout,
    /// The worker died or stopped while the handler ran.
    Lapsed,
    /// The stored request is unreadable; there is no retry.
    Unreadable,
}

impl Failure {
    /// Returns the stored name; the [status](Self::status) is stored beside it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Lapsed => "lapsed",
            Self::Unreadable => "unreadable",
        }
    }

    /// Returns the status of the handler's response, if there was one.
    #[must_use]
    pub const fn status(self) -> Option<StatusCode> {
        match self {
            Self::Status(status) => Some(status),
            Self::Error | Self::Panic | Self::Timeout | Self::Lapsed | Self::Unreadable => None,
        }
    }

    /// Returns the failure with this [name](Self::as_str) and [status](Self::status).
    #[must_use]
    pub fn from_stored(name: &str, status: Option<u16>) -> Option<Self> {
        match (name, status) {
            ("status", Some(status)) => Some(Self::Status(StatusCode::from_u16(status).ok()?)),
            ("error", None) => Some(Self::Error),
            ("panic", None) => Some(Self::Panic),
            ("timeout", None) => Some(Self::Timeout),
            ("lapsed", None) => Some(Self::Lapsed),
            ("unreadable", None) => Some(Self::Unreadable),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {}", status.as_u16()),
            other => f.write_str(other.as_str()),
        }
    }
}

/// A stored message and its state.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InboxEntry {
    /// Id in this inbox.
    pub id: InboxId,
    /// The [sender's id](crate::wire::event::VerifiedWebhook::id). `None` also for a done message,
    /// whose request the store no longer has.
    pub message_id: Option<Box<str>>,
    /// State.
    pub state: MessageState,
    /// Number of runs since the message was stored or requeued.
    pub attempts: u32,
    /// Time at which a worker may lease the message: while pending the next run, while leased the
    /// end of the lease, `None` when finished.
    pub due_at: Option<UnixMillis>,
    /// Time of storing.
    pub received_at: UnixMillis,
    /// Time at which the message finished.
    pub ended_at: Option<UnixMillis>,
    /// Reason of the last failed run.
    pub failure: Option<Failure>,
}

impl InboxEntry {
    /// Creates the entry of a message that was just stored: pending, without attempts, and due at
    /// `received_at`. Assign the fields that differ.
    ///
    /// ```
    /// use tower_auth_sync::clock::{Clock, SystemClock};
    /// use tower_auth_sync::entropy::SystemEntropy;
    /// use tower_auth_sync::id::InboxId;
    /// use tower_auth_sync::inbox::{InboxEntry, MessageState};
    ///
    /// let now = SystemClock.now();
    /// let mut entry = InboxEntry::new(InboxId::generate(now, &SystemEntropy), now);
    /// assert_eq!(entry.state, MessageState::Pending);
    /// entry.state = MessageState::Done;
    /// entry.due_at = None;
    /// entry.ended_at = Some(now);
    /// ```
    #[must_use]
    pub const fn new(id: InboxId, received_at: UnixMillis) -> Self {
        Self {
            id,
            message_id: None,
            state: MessageState::Pending,
            attempts: 0,
            due_at: Some(received_at),
            received_at,
            ended_at: None,
            failure: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_failures_read_back() {
        for failure in [
            Failure::Status(StatusCode::IM_A_TEAPOT),
            Failure::Error,
            Failure::Panic,
            Failure::Timeout,
            Failure::Lapsed,
            Failure::Unreadable,
        ] {
            let status = failure.status().map(|status| status.as_u16());
            let read = Failure::from_stored(failure.as_str(), status);
            assert_eq!(read, Some(failure));
        }
        assert_eq!(Failure::from_stored("status", None), None);
        assert_eq!(Failure::from_stored("status", Some(99)), None);
        assert_eq!(Failure::from_stored("panic", Some(500)), None);
        assert_eq!(Failure::from_stored("", None), None);
    }
}
