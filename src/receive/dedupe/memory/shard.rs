//! One part of the map: a message and its requests share a shard and its lock.

use std::time::Duration;

use super::multilinear::Multilinear;
use super::records::Records;
use super::replays::{DedupeFull, REMOVALS_PER_CLAIM, Replays};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{Expiry, Life};
use crate::receive::dedupe::keys::{DedupeKey, DedupeKeys};
use crate::receive::dedupe::port::{Claimed, latest_end};

/// A claim counts from its end. Nobody may have taken it over, then it may still be committed for
/// a minute, while there is room.
const CLAIM: Life = Life {
    retention: Duration::from_secs(60),
    spare_after: Duration::ZERO,
};

const NEVER: UnixMillis = UnixMillis::from_millis(u64::MAX);

/// Messages by key, and in the order in which the shard may forget them.
pub(super) struct Shard {
    capacity: usize,
    messages: Records<Record>,
    /// Claims in flight.
    claims: Expiry<DedupeKey>,
    /// Messages with an end.
    done: Expiry<DedupeKey>,
    replays: Replays,
    evicted: u64,
}

struct Record {
    token: u64,
    /// End of the claim, or of the retention.
    until: UnixMillis,
    phase: Phase,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Phase {
    InFlight,
    Done,
    /// As done, without an end.
    Stored,
}

impl Shard {
    pub(super) fn new(capacity: usize, hash: Multilinear) -> Self {
        Self {
            capacity: capacity.min(u32::MAX as usize),
            messages: Records::new(hash.clone()),
            claims: Expiry::new(),
            done: Expiry::new(),
            replays: Replays::new(capacity.saturating_mul(2), hash),
            evicted: 0,
        }
    }

    /// Returns how many messages a full shard forgot early.
    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Claims the message if it is free, and leaves its replay key. Returns what holds it if not.
    pub(super) fn claim(
        &mut self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<Claimed>, StoreError> {
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
            return Ok(Some(held));
        }
        if held.is_none() {
            self.make_room(key, now)?;
        }
        if let Some(replay_key) = replay_key.filter(|_| owner.is_none()) {
            let left = self.replays.leave(replay_key, keys, now);
            left.map_err(StoreError::unavailable)?;
        }
        if held.is_none() {
            self.insert(keys, until);
        }
        Ok(held)
    }

    /// Returns the claim or commit that holds `key` at `now`.
    fn held(&self, key: DedupeKey, now: UnixMillis, latest: UnixMillis) -> Option<Claimed> {
        let &Record { until, phase, .. } = self.messages.get(&key)?;
        match phase {
            Phase::Stored => Some(Claimed::Done),
            Phase::Done => (now < until).then_some(Claimed::Done),
            Phase::InFlight => {
                (now < until && until <= latest).then_some(Claimed::InFlight { until })
            }
        }
    }

    fn insert(&mut self, keys: &DedupeKeys, until: UnixMillis) {
        let record = Record {
            token: keys.token(),
            until,
            phase: Phase::InFlight,
        };
        self.messages.insert(keys.key(), record);
        self.claims.insert(CLAIM, until, keys.key());
    }

    /// Removes the lapsed `key`, and makes room for one message.
    fn make_room(&mut self, key: DedupeKey, now: UnixMillis) -> Result<(), StoreError> {
        self.remove_claim(key);
        let mut removed = 0;
        while removed < REMOVALS_PER_CLAIM || self.messages.contains_key(&key) {
            let claim = self.claims.pop_ended(now);
            let done = self.done.pop_ended(now);
            if claim.or(done).is_none() {
                break;
            }
            for ended in [claim, done].into_iter().flatten() {
                self.messages.remove(&ended);
            }
            removed += 1;
        }
        if self.messages.len() < self.capacity {
            return Ok(());
        }
        if let Some(lapsed) = self.claims.pop_spare(now) {
            self.messages.remove(&lapsed);
        } else if let Some(first) = self.done.pop_spare(now) {
            self.messages.remove(&first);
            self.count_eviction();
        } else {
            self.done.redate(now);
            return Err(StoreError::unavailable(DedupeFull));
        }
        Ok(())
    }

    /// A full shard evicts at every message: the log gets the 1st, 2nd, 4th, 8th, …
    fn count_eviction(&mut self) {
        self.evicted += 1;
        if self.evicted.is_power_of_two() {
            tracing::warn!(
                evicted = self.evicted,
                "the dedupe store in memory is full and forgets messages early"
            );
        }
    }

    /// Removes `key` if it is in flight.
    fn remove_claim(&mut self, key: DedupeKey) {
        if let Some(record) = self.messages.get(&key)
            && record.phase == Phase::InFlight
        {
            self.claims.remove(CLAIM, record.until, key);
            self.messages.remove(&key);
        }
    }

    pub(super) fn renew(&mut self, keys: &DedupeKeys, until: UnixMillis) -> Result<(), StoreError> {
        let record = self.in_flight(keys)?;
        let before = std::mem::replace(&mut record.until, until);
        self.claims.remove(CLAIM, before, keys.key());
        self.claims.insert(CLAIM, until, keys.key());
        Ok(())
    }

    pub(super) fn commit(&mut self, keys: &DedupeKeys, now: UnixMillis) -> Result<(), StoreError> {
        let record = self.held_by(keys, keys.token())?;
        if record.phase == Phase::InFlight {
            let claimed_until = record.until;
            self.claims.remove(CLAIM, claimed_until, keys.key());
            self.set_end(keys, keys.token(), now);
        }
        Ok(())
    }

    pub(super) fn release(&mut self, keys: &DedupeKeys) -> Result<(), StoreError> {
        self.in_flight(keys)?;
        self.remove_claim(keys.key());
        Ok(())
    }

    /// Commits a claim without an end, for the stored message `number`.
    pub(super) fn store(&mut self, keys: &DedupeKeys, number: u64) -> Result<(), StoreError> {
        let record = self.in_flight(keys)?;
        let claimed_until = record.until;
        (record.token, record.phase) = (number, Phase::Stored);
        self.claims.remove(CLAIM, claimed_until, keys.key());
        Ok(())
    }

    /// Lets a key end after its retention, unless it is another's.
    pub(super) fn set_end(&mut self, keys: &DedupeKeys, token: u64, now: UnixMillis) {
        if let Ok(record) = self.held_by(keys, token) {
            record.until = now.saturating_add(keys.retention());
            record.phase = Phase::Done;
            self.done.insert(life_of(keys), now, keys.key());
        }
    }

    /// Takes the end of a stored message's key away again. Returns whether it had not ended, and is
    /// still that message's.
    pub(super) fn clear_end(
        &mut self,
        keys: &DedupeKeys,
        number: u64,
        ended_at: UnixMillis,
        now: UnixMillis,
    ) -> bool {
        let Ok(record) = self.held_by(keys, number) else {
            return false;
        };
        if record.until <= now {
            return false;
        }
        (record.until, record.phase) = (NEVER, Phase::Stored);
        self.done.remove(life_of(keys), ended_at, keys.key());
        true
    }

    fn held_by(&mut self, keys: &DedupeKeys, token: u64) -> Result<&mut Record, StoreError> {
        let record = self.messages.get_mut(&keys.key());
        record
            .filter(|record| record.token == token)
            .ok_or_else(StoreError::lease_lost)
    }

    fn in_flight(&mut self, keys: &DedupeKeys) -> Result<&mut Record, StoreError> {
        let record = self.held_by(keys, keys.token());
        record
            .ok()
            .filter(|record| record.phase == Phase::InFlight)
            .ok_or_else(StoreError::lease_lost)
    }
}

const fn life_of(keys: &DedupeKeys) -> Life {
    Life {
        retention: keys.retention(),
        spare_after: keys.replay_window(),
    }
}
