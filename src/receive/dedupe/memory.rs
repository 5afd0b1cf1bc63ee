//! Dedupe store in memory.

mod shard;

#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::shard::Shard;
use super::keys::{DedupeKey, DedupeKeys, prefix};
use super::port::{Claimed, DedupeStore};
use super::reply::Reply;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

/// Dedupe store in this process's memory, lost when the process ends.
///
/// Clones share the memory. A full store forgets the message that was handled first, with a
/// warning, unless its request could still be replayed. It never forgets a claim in flight before
/// it lapses. If it may forget nothing, a claim fails as
/// [unavailable](StoreError::is_unavailable), and the sender retries later. Besides the messages
/// the store remembers twice as many requests with unsigned ids, each for
/// [`DedupeKeys::replay_window`].
///
/// Memory is allocated when messages arrive: at most 90 MB with the default capacity, 150 MB with a
/// request for each message and 240 MB with two. With that capacity 500 messages a second can arrive
/// for 15 minutes before the store refuses one; 60 a second, if their ids are unsigned and all their
/// bodies are equal.
///
/// ```
/// use std::num::NonZeroUsize;
/// use tower_auth_sync::dedupe::MemoryDedupe;
///
/// let store = MemoryDedupe::with_capacity(NonZeroUsize::new(10_000).expect("not zero"));
/// assert_eq!(store.evicted(), 0);
/// ```
#[derive(Clone)]
pub struct MemoryDedupe(Arc<[Mutex<Shard>]>);

impl MemoryDedupe {
    /// Creates an empty store for 500 000 messages.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// Creates an empty store for at most `messages` messages, those in flight included.
    ///
    /// From 57 345 messages, shards divide the capacity, and one shard may fill up a little before
    /// the others.
    #[must_use]
    pub fn with_capacity(messages: NonZeroUsize) -> Self {
        let shards = messages.get().div_ceil(PER_SHARD).min(MOST_SHARDS);
        let capacity = messages.get().div_ceil(shards);
        let shard = |_| Mutex::new(Shard::new(capacity));
        Self((0..shards).map(shard).collect())
    }

    /// Returns how many messages a full store forgot early.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.0.iter().map(|shard| lock(shard).evicted()).sum()
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
        let own_id = |id: DedupeKey| self.shard_of(prefix(id.as_bytes())).own_id(id, keys.key());
        let other_body = keys.id_key().is_some_and(own_id);
        Ok(Claimed::Fresh { other_body })
    }

    /// A message and its requests share a shard and its lock.
    pub(crate) fn shard(&self, keys: &DedupeKeys) -> MutexGuard<'_, Shard> {
        self.shard_of(keys.affinity())
    }

    fn shard_of(&self, number: u16) -> MutexGuard<'_, Shard> {
        lock(&self.0[usize::from(number) % self.0.len()])
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

impl fmt::Debug for MemoryDedupe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDedupe").finish_non_exhaustive()
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

/// Default capacity, in messages.
const DEFAULT_CAPACITY: NonZeroUsize = NonZeroUsize::new(500_000).unwrap();

/// What a map of 65 536 slots holds.
const PER_SHARD: usize = 57_344;

/// Those of the default capacity. More would not stay in the cache of a core.
const MOST_SHARDS: usize = 9;
