//! Storing a message, and the hold on one.

use std::num::NonZeroU16;

use super::entry::Failure;
use super::request::StoredRequest;
use crate::base::clock::UnixMillis;
use crate::base::id::InboxId;
use crate::queue::AttemptNumber;
use crate::queue::LeaseToken;
use crate::receive::dedupe::DedupeKeys;

/// A verified message that is to be stored.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Its id in the inbox.
    pub id: InboxId,
    /// The receiver's configured name.
    pub source: Box<str>,
    /// Its names: [`key`](DedupeKeys::key) and [`replay_key`](DedupeKeys::replay_key) are its alone,
    /// [`id_key`](DedupeKeys::id_key) is for the report. The keys's token means nothing here.
    pub keys: DedupeKeys,
    /// What the handler gets.
    pub request: StoredRequest,
}

/// What came of storing a message.
#[expect(
    clippy::exhaustive_enums,
    reason = "a receiver must decide on each; a new one is a new contract"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReceiveOutcome {
    /// It is stored.
    New {
        /// The same id came lately with another body; said only of an id that is not signed, for the
        /// log, and only as far as the store remembers.
        other_body: bool,
    },
    /// It, or another message with one of its names, was stored before.
    Known,
}

/// What a worker asks for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct InboxLeaseRequest {
    /// Most messages to hand out.
    pub max: NonZeroU16,
    /// A message whose lease lapsed in this attempt, or a later one, has failed: a handler that
    /// kills workers does not do so for ever.
    pub max_attempts: AttemptNumber,
    /// The time.
    pub now: UnixMillis,
    /// When the leases end by themselves.
    pub until: UnixMillis,
}

/// One message, held until the lease is settled, released or lapses.
///
/// A lapsed lease may still be settled until the message is leased again.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct InboxLease {
    /// The message.
    pub id: InboxId,
    /// Shows the store that this is the newest lease.
    pub token: LeaseToken,
    /// Which attempt this is; it counts from now on, whatever becomes of it.
    pub attempt: AttemptNumber,
    /// What the handler gets.
    pub request: StoredRequest,
}

/// What becomes of a message after a run of the handler.
#[expect(
    clippy::exhaustive_enums,
    reason = "a store must decide on each; a new one is a new contract"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InboxOutcome {
    /// The handler has handled it: it is over, and its request is erased.
    Done,
    /// The run failed; the next one is due at this time.
    Retry {
        /// When.
        at: UnixMillis,
        /// Why it failed.
        failure: Failure,
    },
    /// The run failed and was the last: it is over, and its request is kept.
    Failed {
        /// Why it failed.
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
