//! One part of the map: a message and its requests lie in the same one, under one lock.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::lane::{Entry, Lane, Slot};
use super::multilinear::Multilinear;
use super::replays::{Full, Replays};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::dedupe::keys::{DedupeKey, DedupeKeys};
use crate::receive::dedupe::port::{Claimed, latest_end};

/// How many ends of each queue a claim tidies: more than it adds, so that the queues do not grow.
const TIDY: usize = 2;

/// How long after its end a claim that nobody took over may still be committed, while there is room.
const LATE: Duration = Duration::from_secs(60);

/// Messages by key, and in the order in which they may be forgotten.
pub(super) struct Shard {
    capacity: usize,
    index: HashMap<DedupeKey, Slot, Multilinear>,
    records: Vec<Record>,
    free: Vec<Slot>,
    /// Claims in flight, by the time they were made; may name records that have moved on.
    claims: VecDeque<Entry>,
    /// Messages handled; the entries may name records that have moved on. Receivers that share the
    /// store differ in how long theirs last, and there are as many lanes as there are such times.
    done: Vec<Lane>,
    replays: Replays,
}

struct Record {
    key: DedupeKey,
    phase: Phase,
    generation: u32,
    token: u64,
    /// End of the claim, or of the memory of a handled message.
    until: UnixMillis,
    /// From when on a handled message may be forgotten to make room.
    dispensable: UnixMillis,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Phase {
    Free,
    InFlight,
    Done,
}

/// What came of a claim.
pub(super) enum Taken {
    Not(Claimed),
    WithRoom,
    Evicting,
}

impl Shard {
    pub(super) fn new(capacity: usize, hash: Multilinear) -> Self {
        Self {
            capacity: capacity.min(Slot::MAX as usize),
            index: HashMap::with_hasher(hash.clone()),
            records: Vec::new(),
            free: Vec::new(),
            claims: VecDeque::new(),
            done: Vec::new(),
            replays: Replays::new(capacity.saturating_mul(2), hash),
        }
    }

    /// Claims the message for `ticket` if nothing holds it, and leaves the ticket's replay key.
    pub(super) fn claim(
        &mut self,
        ticket: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Taken, Full> {
        let latest = latest_end(now, until);
        let key = ticket.key();
        let held = self.held(key, now, latest);
        let replay_key = ticket.replay_key();
        let owner = replay_key.and_then(|replay_key| self.replays.owner(replay_key, now));
        if let Some(owner) = owner.filter(|owner| *owner != key) {
            // The same bytes came under another id: whatever became of that message, this is no new one.
            let all = [held, self.held(owner, now, latest)];
            let in_flight = all.into_iter().flatten().next();
            let is_done = all.contains(&Some(Claimed::Done));
            let held = in_flight.filter(|_| !is_done).unwrap_or(Claimed::Done);
            return Ok(Taken::Not(held));
        }
        let room = match held {
            Some(held) => Taken::Not(held),
            None => self.make_room(key, now)?,
        };
        if let Some(replay_key) = replay_key.filter(|_| owner.is_none()) {
            self.replays
                .leave(replay_key, key, now, ticket.replay_window())?;
        }
        if held.is_none() {
            self.put(ticket, until);
        }
        Ok(room)
    }

    /// Returns what holds the message of this name, if it lasts at `now`.
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

    /// Frees `key`, which nothing holds any more, and makes room for one message.
    fn make_room(&mut self, key: DedupeKey, now: UnixMillis) -> Result<Taken, Full> {
        if let Some(&slot) = self.index.get(&key) {
            self.remove(slot);
        }
        self.tidy(now);
        if self.is_full() {
            // Claims that lapsed lately, or behind one that is renewed again and again.
            self.tidy_claims(self.claims.len(), Duration::ZERO, now);
        }
        if !self.is_full() {
            return Ok(Taken::WithRoom);
        }
        self.evict(now).then_some(Taken::Evicting).ok_or(Full)
    }

    pub(super) fn renew(
        &mut self,
        ticket: &DedupeKeys,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        let slot = self.held_by(ticket)?;
        let record = self.record_mut(slot);
        if record.phase != Phase::InFlight {
            return Err(StoreError::lease_lost());
        }
        record.until = until;
        Ok(())
    }

    pub(super) fn commit(
        &mut self,
        ticket: &DedupeKeys,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let slot = self.held_by(ticket)?;
        let record = self.record_mut(slot);
        if record.phase == Phase::InFlight {
            record.phase = Phase::Done;
            record.until = now.saturating_add(ticket.retention());
            record.dispensable = now.saturating_add(ticket.replay_window());
            let generation = record.generation;
            self.lane_of(ticket).push(Entry { slot, generation });
        }
        Ok(())
    }

    pub(super) fn release(&mut self, ticket: &DedupeKeys) -> Result<(), StoreError> {
        let slot = self.held_by(ticket)?;
        if self.record(slot).phase != Phase::InFlight {
            return Err(StoreError::lease_lost());
        }
        self.remove(slot);
        Ok(())
    }

    fn held_by(&self, ticket: &DedupeKeys) -> Result<Slot, StoreError> {
        let slot = self.index.get(&ticket.key()).copied();
        slot.filter(|&slot| self.record(slot).token == ticket.token())
            .ok_or_else(StoreError::lease_lost)
    }

    fn lane_of(&mut self, ticket: &DedupeKeys) -> &mut Lane {
        let found = self.done.iter().position(|lane| lane.is_of(ticket));
        let at = found.unwrap_or_else(|| {
            self.done.push(Lane::of(ticket));
            self.done.len() - 1
        });
        &mut self.done[at]
    }

    fn is_full(&self) -> bool {
        self.records.len() - self.free.len() >= self.capacity
    }

    fn put(&mut self, ticket: &DedupeKeys, until: UnixMillis) {
        let mut record = Record {
            key: ticket.key(),
            phase: Phase::InFlight,
            generation: 0,
            token: ticket.token(),
            until,
            dispensable: UnixMillis::EPOCH,
        };
        let slot = if let Some(slot) = self.free.pop() {
            record.generation = self.record(slot).generation;
            *self.record_mut(slot) = record;
            slot
        } else {
            self.records.push(record);
            Slot::try_from(self.records.len() - 1).unwrap_or(Slot::MAX)
        };
        let generation = self.record(slot).generation;
        self.claims.push_back(Entry { slot, generation });
        self.index.insert(ticket.key(), slot);
    }

    fn remove(&mut self, slot: Slot) {
        let record = self.record_mut(slot);
        record.phase = Phase::Free;
        record.generation = record.generation.wrapping_add(1);
        let key = record.key;
        self.index.remove(&key);
        self.free.push(slot);
    }

    fn tidy(&mut self, now: UnixMillis) {
        self.tidy_claims(TIDY, LATE, now);
        let mut lane = 0;
        while lane < self.done.len() {
            self.tidy_lane(lane, now);
            if self.done[lane].is_empty() {
                self.done.swap_remove(lane);
            } else {
                lane += 1;
            }
        }
    }

    fn tidy_lane(&mut self, lane: usize, now: UnixMillis) {
        for _ in 0..TIDY {
            match self.oldest_done(lane, now) {
                Some(slot) if self.record(slot).until <= now => self.remove(slot),
                _ => break,
            }
        }
    }

    /// Looks at `most` claims, oldest first: frees those that have lapsed `late` ago, and sends the
    /// others to the end of the queue.
    fn tidy_claims(&mut self, most: usize, late: Duration, now: UnixMillis) {
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

    /// Forgets the first handled message whose time has come. Nothing has expired: a lane's oldest
    /// would have been the first of it, and tidying would have made room.
    fn evict(&mut self, now: UnixMillis) -> bool {
        let candidates = (0..self.done.len()).filter_map(|lane| {
            let slot = self.oldest_done(lane, now)?;
            let dispensable = self.record(slot).dispensable;
            let handled = self.done[lane].handled_at(dispensable);
            (dispensable <= now).then_some((handled, slot))
        });
        let first = candidates.min_by_key(|&(handled, _)| handled);
        let Some((_, slot)) = first else {
            return false;
        };
        self.remove(slot);
        true
    }

    /// Returns the lane's message that was handled first, after dropping entries of no meaning. What
    /// was handled by a clock that was ahead counts as handled now, and is the last to go.
    fn oldest_done(&mut self, lane: usize, now: UnixMillis) -> Option<Slot> {
        let Self { done, records, .. } = self;
        let lane = &mut done[lane];
        loop {
            let slot =
                lane.first(|entry| records[entry.slot as usize].generation == entry.generation)?;
            let record = &mut records[slot as usize];
            if lane.handled_at(record.dispensable) <= now {
                return Some(slot);
            }
            (record.until, record.dispensable) = lane.ends_of_handled_at(now);
            lane.send_first_to_the_end();
        }
    }

    fn record(&self, slot: Slot) -> &Record {
        &self.records[slot as usize]
    }

    fn record_mut(&mut self, slot: Slot) -> &mut Record {
        &mut self.records[slot as usize]
    }
}
