//! Dedupe store in memory.

mod body_conflicts;
mod multilinear;
mod records;
mod replays;
mod shard;

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::body_conflicts::BodyConflicts;
use self::multilinear::Multilinear;
use self::shard::Shard;
use super::keys::DedupeKeys;
use super::port::{Claimed, DedupeStore};
use super::reply::Reply;
use crate::base::clock::UnixMillis;
use crate::base::entropy::SystemEntropy;
use crate::base::error::StoreError;

/// Default capacity, in messages.
const DEFAULT_CAPACITY: NonZeroUsize = NonZeroUsize::new(500_000).unwrap();

/// Fewest messages for which a shard is worth its lock.
const LEAST_PER_SHARD: usize = 4_096;

/// Most shards, a power of two. A claim holds its lock for a fraction of a microsecond; more shards
/// would not stay in the cache of a core.
const MOST_SHARDS: usize = 8;

/// Dedupe store in this process's memory, lost when the process ends.
///
/// Clones share the memory. A number of messages bounds it: a full store forgets the message that
/// was handled first, with a warning, unless its request could still be replayed. It never forgets
/// a claim in flight before it lapses. If it may forget nothing, a claim fails as
/// [unavailable](StoreError::is_unavailable), and the sender retries later. Besides the messages
/// the store remembers twice as many requests with unsigned ids, each for
/// [`DedupeKeys::replay_window`].
///
/// A message costs about 200 bytes, allocated when it arrives: at most 125 MB with the default
/// capacity. With that capacity 500 messages a second can arrive for 15 minutes before the store
/// refuses one.
///
/// ```
/// use std::num::NonZeroUsize;
/// use tower_auth_sync::dedupe::MemoryDedupe;
///
/// let store = MemoryDedupe::with_capacity(NonZeroUsize::new(10_000).expect("not zero"));
/// assert_eq!(store.evicted(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct MemoryDedupe(Arc<Inner>);

struct Inner {
    shards: Box<[Mutex<Shard>]>,
    conflicts: BodyConflicts,
}

impl MemoryDedupe {
    /// Creates an empty store for 500 000 messages.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// Creates an empty store for at most `messages` messages, those in flight included.
    ///
    /// From 8 192 messages, shards divide the capacity, and one shard may fill up a little before
    /// the others.
    #[must_use]
    pub fn with_capacity(messages: NonZeroUsize) -> Self {
        let messages = messages.get();
        let most = (messages / LEAST_PER_SHARD).clamp(1, MOST_SHARDS);
        let count = 1 << most.ilog2();
        let hash = Multilinear::random(&SystemEntropy);
        let shard = || Shard::new(messages.div_ceil(count), hash.clone());
        let shards = (0..count).map(|_| Mutex::new(shard()));
        Self(Arc::new(Inner {
            shards: shards.collect(),
            conflicts: BodyConflicts::new(),
        }))
    }

    /// Returns how many messages a full store forgot early.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.0
            .shards
            .iter()
            .map(|shard| lock(shard).evicted())
            .sum()
    }

    pub(crate) fn claim_now(
        &self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        if let Some(held) = self.shard(keys).claim(keys, now, until)? {
            return Ok(held);
        }
        let other_body = match keys.id_key() {
            Some(id) => self.0.conflicts.record(id, keys.body()),
            None => false,
        };
        Ok(Claimed::Fresh { other_body })
    }

    pub(crate) fn release_now(&self, keys: &DedupeKeys) -> Result<(), StoreError> {
        self.shard(keys).release(keys)
    }

    /// Commits a claim without an end, for the message that an inbox stores under `number`.
    pub(crate) fn store(&self, keys: &DedupeKeys, number: u64) -> Result<(), StoreError> {
        self.shard(keys).store(keys, number)
    }

    /// Lets the key of message `number` end after its retention, unless it is another's.
    pub(crate) fn set_end(&self, keys: &DedupeKeys, number: u64, now: UnixMillis) {
        self.shard(keys).set_end(keys, number, now);
    }

    /// Takes the end of the key of message `number` away again. Returns whether it had not ended,
    /// and is still that message's.
    pub(crate) fn clear_end(
        &self,
        keys: &DedupeKeys,
        number: u64,
        ended_at: UnixMillis,
        now: UnixMillis,
    ) -> bool {
        self.shard(keys).clear_end(keys, number, ended_at, now)
    }

    fn shard(&self, keys: &DedupeKeys) -> MutexGuard<'_, Shard> {
        // Uses the low bits: the number of shards is a power of two.
        let mask = self.0.shards.len() as u64 - 1;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the mask leaves fewer than 8"
        )]
        let at = (keys.affinity() & mask) as usize;
        lock(&self.0.shards[at])
    }
}

/// No code under the lock panics half-way, so a poisoned shard is whole.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for MemoryDedupe {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("shards", &self.shards.len())
            .finish_non_exhaustive()
    }
}

impl DedupeStore for MemoryDedupe {
    fn claim(&self, keys: &DedupeKeys, now: UnixMillis, until: UnixMillis) -> Reply<Claimed> {
        Reply::Now(self.claim_now(keys, now, until))
    }

    fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Reply<()> {
        Reply::Now(self.shard(keys).renew(keys, until))
    }

    fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Reply<()> {
        Reply::Now(self.shard(keys).commit(keys, now))
    }

    fn release(&self, keys: &DedupeKeys) -> Reply<()> {
        Reply::Now(self.release_now(keys))
    }
}
