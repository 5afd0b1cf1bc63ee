//! One message as a shard keeps it.

use crate::base::clock::UnixMillis;
use crate::receive::dedupe::keys::DedupeKey;

/// A message, in flight or handled.
pub(super) struct Record {
    pub(super) key: DedupeKey,
    pub(super) phase: Phase,
    pub(super) generation: u32,
    pub(super) token: u64,
    /// End of the claim, or of the retention of a handled message.
    pub(super) until: UnixMillis,
    /// Time from which a handled message may be forgotten to make room.
    pub(super) dispensable: UnixMillis,
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Phase {
    Free,
    InFlight,
    Done,
}
