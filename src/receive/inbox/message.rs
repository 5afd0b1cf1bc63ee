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
#[expect(
    clippy::exhaustive_structs,
    reason = "stores outside this crate take it apart"
)]
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
#[expect(
    clippy::exhaustive_structs,
    reason = "workers make it with all its fields"
)]
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
#[expect(
    clippy::exhaustive_structs,
    reason = "stores outside this crate make it"
)]
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
