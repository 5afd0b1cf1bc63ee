//! Messages to store, and leases.

use std::num::NonZeroU16;

use super::entry::Failure;
use super::request::StoredRequest;
use crate::base::clock::UnixMillis;
use crate::base::id::InboxId;
use crate::queue::{AttemptNumber, LeaseToken};
use crate::receive::dedupe::DedupeKeys;

/// A verified message to store.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Id in the inbox.
    pub id: InboxId,
    /// Source: the receiver's configured name.
    pub source: Box<str>,
    /// Keys of the message. It claims [`key`](DedupeKeys::key) and
    /// [`replay_key`](DedupeKeys::replay_key); [`id_key`](DedupeKeys::id_key) serves the report.
    /// The token has no meaning here.
    pub keys: DedupeKeys,
    /// Request for the handler.
    pub request: StoredRequest,
}

/// Result of storing a message.
#[expect(
    clippy::exhaustive_enums,
    reason = "a receiver must decide on each; a new one is a new contract"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReceiveOutcome {
    /// The message is stored.
    New {
        /// The same id recently arrived with another body. Reported only for an unsigned id, for
        /// the log, and only as far as the store remembers.
        other_body: bool,
    },
    /// The message, or another one with one of its keys, was stored before.
    Known,
}

/// Request of a worker for leases.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct InboxLeaseRequest {
    /// Most messages to lease.
    pub max: NonZeroU16,
    /// A message whose lease lapsed in this attempt or later has failed: a handler that kills
    /// workers does so a limited number of times.
    pub max_attempts: AttemptNumber,
    /// Current time.
    pub now: UnixMillis,
    /// Time at which the leases lapse.
    pub until: UnixMillis,
}

/// Lease of one message, until it is settled, released or lapses.
///
/// A lapsed lease may still be settled until the message is leased again.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct InboxLease {
    /// The message.
    pub id: InboxId,
    /// Fences the lease: the store accepts the newest token only.
    pub token: LeaseToken,
    /// Attempt number of this lease; the attempt counts from now on, with any outcome.
    pub attempt: AttemptNumber,
    /// Request for the handler.
    pub request: StoredRequest,
}

/// Outcome of a run of the handler.
#[expect(
    clippy::exhaustive_enums,
    reason = "a store must decide on each; a new one is a new contract"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InboxOutcome {
    /// The handler succeeded: the message is finished, and the store erases its request.
    Done,
    /// The run failed; the message waits for the next one.
    Retry {
        /// Due time of the next run.
        at: UnixMillis,
        /// Reason of the failure.
        failure: Failure,
    },
    /// The last run failed: the message is finished, and the store keeps its request.
    Failed {
        /// Reason of the failure.
        failure: Failure,
    },
}

impl NewMessage {
    /// Creates a message that the receiver `source` verified.
    #[must_use]
    pub const fn new(
        id: InboxId,
        source: Box<str>,
        keys: DedupeKeys,
        request: StoredRequest,
    ) -> Self {
        Self {
            id,
            source,
            keys,
            request,
        }
    }
}

impl InboxLeaseRequest {
    /// Creates a request for up to `max` messages that are due at `now`, for leases until `until`.
    ///
    /// ```
    /// use std::num::NonZeroU16;
    /// use std::time::Duration;
    /// use tower_auth_sync::clock::{Clock, SystemClock};
    /// use tower_auth_sync::inbox::InboxLeaseRequest;
    /// use tower_auth_sync::queue::AttemptNumber;
    ///
    /// let now = SystemClock.now();
    /// let until = now.saturating_add(Duration::from_secs(60));
    /// let request = InboxLeaseRequest::new(NonZeroU16::MIN, AttemptNumber::FIRST, now, until);
    /// assert_eq!(request.until, until);
    /// ```
    #[must_use]
    pub const fn new(
        max: NonZeroU16,
        max_attempts: AttemptNumber,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Self {
        Self {
            max,
            max_attempts,
            now,
            until,
        }
    }
}

impl InboxLease {
    /// Creates the lease that a store hands out.
    ///
    /// ```
    /// use tower_auth_sync::clock::{Clock, SystemClock};
    /// use tower_auth_sync::entropy::SystemEntropy;
    /// use tower_auth_sync::id::InboxId;
    /// use tower_auth_sync::inbox::{InboxLease, LeaseToken, StoredRequest};
    /// use tower_auth_sync::queue::AttemptNumber;
    ///
    /// let id = InboxId::generate(SystemClock.now(), &SystemEntropy);
    /// let request = StoredRequest::from_stored("head".into(), "body".into());
    /// let lease = InboxLease::new(id, LeaseToken::new(1), AttemptNumber::FIRST, request);
    /// assert_eq!(lease.token.get(), 1);
    /// ```
    #[must_use]
    pub const fn new(
        id: InboxId,
        token: LeaseToken,
        attempt: AttemptNumber,
        request: StoredRequest,
    ) -> Self {
        Self {
            id,
            token,
            attempt,
            request,
        }
    }
}
