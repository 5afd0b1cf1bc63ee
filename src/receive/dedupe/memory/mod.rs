//! Dedupe store in memory.

mod body_conflicts;
mod expiry_queue;
mod multilinear;
mod record;
mod replays;
mod shard;

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::body_conflicts::BodyConflicts;
use self::multilinear::Multilinear;
use self::replays::DedupeFull;
use self::shard::{Shard, ShardClaim};
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
    evicted: AtomicU64,
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
            evicted: AtomicU64::new(0),
        }))
    }

    /// Returns how many messages a full store forgot early.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.0.evicted.load(Ordering::Relaxed)
    }

    fn claim_now(
        &self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        let claim = self.shard(keys).claim(keys, now, until);
        match claim {
            Ok(ShardClaim::Fresh) => {}
            Ok(ShardClaim::FreshAfterEviction) => self.count_eviction(),
            Ok(ShardClaim::Refused(held)) => return Ok(held),
            Err(DedupeFull) => return Err(StoreError::unavailable(FULL)),
        }
        let other_body = match keys.id_key() {
            Some(id) => self.0.conflicts.record(id, keys.body()),
            None => false,
        };
        Ok(Claimed::Fresh { other_body })
    }

    fn shard(&self, keys: &DedupeKeys) -> MutexGuard<'_, Shard> {
        // Uses the low bits: the number of shards is a power of two.
        let mask = self.0.shards.len() as u64 - 1;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the mask leaves fewer than 8"
        )]
        let at = (keys.affinity() & mask) as usize;
        // No code under the lock panics half-way, so a poisoned shard is whole.
        self.0.shards[at]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn count_eviction(&self) {
        let evicted = self.0.evicted.fetch_add(1, Ordering::Relaxed) + 1;
        // A full store evicts at every message: the log gets the 1st, 2nd, 4th, 8th, …
        if evicted.is_power_of_two() {
            tracing::warn!(
                evicted,
                "the dedupe store in memory is full and forgets messages early"
            );
        }
    }
}

const FULL: &str = "the dedupe store in memory is full of messages that may not be forgotten yet";

impl Default for MemoryDedupe {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("shards", &self.shards.len())
            .field("evicted", &self.evicted)
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
        Reply::Now(self.shard(keys).release(keys))
    }
}
