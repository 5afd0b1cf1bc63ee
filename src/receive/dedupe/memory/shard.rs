//! One part of the map: a message and its requests share a shard and its lock.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::expiry_queue::{ExpiryQueue, QueueEntry, RecordIndex};
use super::multilinear::Multilinear;
use super::record::{Phase, Record};
use super::replays::{DedupeFull, Replays};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::dedupe::keys::{DedupeKey, DedupeKeys};
use crate::receive::dedupe::port::{Claimed, latest_end};

/// Entries of each queue that a claim checks: more than it adds, so that the queues do not grow.
const CHECKS_PER_CLAIM: usize = 2;

/// Time after its end for which a claim that nobody took over may still be committed, while there
/// is room.
const COMMIT_GRACE: Duration = Duration::from_secs(60);

/// Messages by key, and in the order in which the shard may forget them.
pub(super) struct Shard {
    capacity: usize,
    index: HashMap<DedupeKey, RecordIndex, Multilinear>,
    records: Vec<Record>,
    free: Vec<RecordIndex>,
    /// Claims in flight, by the time of the claim; some entries may be outdated.
    claims: VecDeque<QueueEntry>,
    /// Handled messages; some entries may be outdated. Receivers that share the store may have
    /// different retentions, each with a queue.
    done: Vec<ExpiryQueue>,
    replays: Replays,
}

/// Result of a claim on a shard.
pub(super) enum ShardClaim {
    Refused(Claimed),
    Fresh,
    FreshAfterEviction,
}

impl Shard {
    pub(super) fn new(capacity: usize, hash: Multilinear) -> Self {
        Self {
            capacity: capacity.min(RecordIndex::MAX as usize),
            index: HashMap::with_hasher(hash.clone()),
            records: Vec::new(),
            free: Vec::new(),
            claims: VecDeque::new(),
            done: Vec::new(),
            replays: Replays::new(capacity.saturating_mul(2), hash),
        }
    }

    /// Claims the message if it is free, and leaves its replay key.
    pub(super) fn claim(
        &mut self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<ShardClaim, DedupeFull> {
        let latest = latest_end(now, until);
        let key = keys.key();
        let held = self.held(key, now, latest);
        let replay_key = keys.replay_key();
        let owner = replay_key.and_then(|replay_key| self.replays.owner(replay_key, now));
        if let Some(owner) = owner.filter(|owner| *owner != key) {
            // The same bytes arrived under another id: whatever became of that message, this one is
            // not new.
            let all = [held, self.held(owner, now, latest)];
            let in_flight = all.into_iter().flatten().next();
            let is_done = all.contains(&Some(Claimed::Done));
            let held = in_flight.filter(|_| !is_done).unwrap_or(Claimed::Done);
            return Ok(ShardClaim::Refused(held));
        }
        let room = match held {
            Some(held) => ShardClaim::Refused(held),
            None => self.make_room(key, now)?,
        };
        if let Some(replay_key) = replay_key.filter(|_| owner.is_none()) {
            self.replays
                .insert(replay_key, key, now, keys.replay_window())?;
        }
        if held.is_none() {
            self.insert(keys, until);
        }
        Ok(room)
    }

    /// Returns the claim or commit that holds `key` at `now`.
    fn held(&self, key: DedupeKey, now: UnixMillis, latest: UnixMillis) -> Option<Claimed> {
        let record = self.record(*self.index.get(&key)?);
        let until = record.until;
        let is_done = record.phase == Phase::Done;
        if until <= now || (!is_done && until > latest) {
            None
        } else if is_done {
            Some(Claimed::Done)
        } else {
            Some(Claimed::InFlight { until })
        }
    }

    /// Removes a lapsed `key`, and makes room for one message.
    fn make_room(&mut self, key: DedupeKey, now: UnixMillis) -> Result<ShardClaim, DedupeFull> {
        if let Some(&slot) = self.index.get(&key) {
            self.remove(slot);
        }
        self.remove_expired(now);
        if self.is_full() {
            // Also removes claims that lapsed recently, or stand behind one that is renewed
            // repeatedly.
            self.remove_lapsed_claims(self.claims.len(), Duration::ZERO, now);
        }
        if !self.is_full() {
            return Ok(ShardClaim::Fresh);
        }
        self.evict(now)
            .then_some(ShardClaim::FreshAfterEviction)
            .ok_or(DedupeFull)
    }

    pub(super) fn renew(&mut self, keys: &DedupeKeys, until: UnixMillis) -> Result<(), StoreError> {
        let slot = self.held_by(keys)?;
        let record = self.record_mut(slot);
        if record.phase != Phase::InFlight {
            return Err(StoreError::lease_lost());
        }
        record.until = until;
        Ok(())
    }

    pub(super) fn commit(&mut self, keys: &DedupeKeys, now: UnixMillis) -> Result<(), StoreError> {
        let slot = self.held_by(keys)?;
        let record = self.record_mut(slot);
        if record.phase == Phase::InFlight {
            record.phase = Phase::Done;
            record.until = now.saturating_add(keys.retention());
            record.dispensable = now.saturating_add(keys.replay_window());
            let generation = record.generation;
            self.queue_of(keys).push(QueueEntry { slot, generation });
        }
        Ok(())
    }

    pub(super) fn release(&mut self, keys: &DedupeKeys) -> Result<(), StoreError> {
        let slot = self.held_by(keys)?;
        if self.record(slot).phase != Phase::InFlight {
            return Err(StoreError::lease_lost());
        }
        self.remove(slot);
        Ok(())
    }

    fn held_by(&self, keys: &DedupeKeys) -> Result<RecordIndex, StoreError> {
        let slot = self.index.get(&keys.key()).copied();
        slot.filter(|&slot| self.record(slot).token == keys.token())
            .ok_or_else(StoreError::lease_lost)
    }

    fn queue_of(&mut self, keys: &DedupeKeys) -> &mut ExpiryQueue {
        let found = self.done.iter().position(|queue| queue.is_of(keys));
        let at = found.unwrap_or_else(|| {
            self.done.push(ExpiryQueue::of(keys));
            self.done.len() - 1
        });
        &mut self.done[at]
    }

    fn is_full(&self) -> bool {
        self.records.len() - self.free.len() >= self.capacity
    }

    fn insert(&mut self, keys: &DedupeKeys, until: UnixMillis) {
        let mut record = Record {
            key: keys.key(),
            phase: Phase::InFlight,
            generation: 0,
            token: keys.token(),
            until,
            dispensable: UnixMillis::EPOCH,
        };
        let slot = if let Some(slot) = self.free.pop() {
            record.generation = self.record(slot).generation;
            *self.record_mut(slot) = record;
            slot
        } else {
            self.records.push(record);
            RecordIndex::try_from(self.records.len() - 1).unwrap_or(RecordIndex::MAX)
        };
        let generation = self.record(slot).generation;
        self.claims.push_back(QueueEntry { slot, generation });
        self.index.insert(keys.key(), slot);
    }

    fn remove(&mut self, slot: RecordIndex) {
        let record = self.record_mut(slot);
        record.phase = Phase::Free;
        record.generation = record.generation.wrapping_add(1);
        let key = record.key;
        self.index.remove(&key);
        self.free.push(slot);
    }

    fn remove_expired(&mut self, now: UnixMillis) {
        self.remove_lapsed_claims(CHECKS_PER_CLAIM, COMMIT_GRACE, now);
        let mut queue = 0;
        while queue < self.done.len() {
            self.remove_expired_done(queue, now);
            if self.done[queue].is_empty() {
                self.done.swap_remove(queue);
            } else {
                queue += 1;
            }
        }
    }

    fn remove_expired_done(&mut self, queue: usize, now: UnixMillis) {
        for _ in 0..CHECKS_PER_CLAIM {
            match self.oldest_done(queue, now) {
                Some(slot) if self.record(slot).until <= now => self.remove(slot),
                _ => break,
            }
        }
    }

    /// Checks up to `most` claims, oldest first: removes those that lapsed `late` ago, and moves
    /// the others to the end of the queue.
    fn remove_lapsed_claims(&mut self, most: usize, late: Duration, now: UnixMillis) {
        for _ in 0..most {
            let Some(entry) = self.claims.pop_front() else {
                break;
            };
            let record = self.record(entry.slot);
            if record.generation != entry.generation || record.phase != Phase::InFlight {
                continue;
            }
            if record.until.saturating_add(late) <= now {
                self.remove(entry.slot);
            } else {
                self.claims.push_back(entry);
            }
        }
    }

    /// Removes the first handled message that may be forgotten. Expired messages are already gone:
    /// [`remove_expired`](Self::remove_expired) removed them.
    fn evict(&mut self, now: UnixMillis) -> bool {
        let candidates = (0..self.done.len()).filter_map(|queue| {
            let slot = self.oldest_done(queue, now)?;
            let dispensable = self.record(slot).dispensable;
            let handled = self.done[queue].handled_at(dispensable);
            (dispensable <= now).then_some((handled, slot))
        });
        let first = candidates.min_by_key(|&(handled, _)| handled);
        let Some((_, slot)) = first else {
            return false;
        };
        self.remove(slot);
        true
    }

    /// Returns the first handled message of the queue, and drops outdated entries before it. A
    /// message handled by a clock that was ahead counts as handled now, and goes last.
    fn oldest_done(&mut self, queue: usize, now: UnixMillis) -> Option<RecordIndex> {
        let Self { done, records, .. } = self;
        let queue = &mut done[queue];
        loop {
            let slot =
                queue.first(|entry| records[entry.slot as usize].generation == entry.generation)?;
            let record = &mut records[slot as usize];
            if queue.handled_at(record.dispensable) <= now {
                return Some(slot);
            }
            (record.until, record.dispensable) = queue.ends_of_handled_at(now);
            queue.move_first_to_end();
        }
    }

    fn record(&self, slot: RecordIndex) -> &Record {
        &self.records[slot as usize]
    }

    fn record_mut(&mut self, slot: RecordIndex) -> &mut Record {
        &mut self.records[slot as usize]
    }
}
