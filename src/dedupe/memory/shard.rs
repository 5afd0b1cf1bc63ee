//! One part of the map: both keys of a message lie in the same one, under one lock.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::lane::{Entry, Lane, Slot};
use super::multilinear::Multilinear;
use crate::clock::UnixMillis;
use crate::dedupe::{Claimed, Key, Ticket};
use crate::store_error::StoreError;

/// How many ends of each queue a claim tidies: more than it adds, so that the queues do not grow.
const TIDY: usize = 2;

/// How long after its end a claim that nobody took over may still be committed, while there is room.
const LATE: Duration = Duration::from_secs(60);

/// Messages by key, and in the order in which they may be forgotten.
pub(super) struct Shard {
    capacity: usize,
    index: HashMap<Key, Slot, Multilinear>,
    records: Vec<Record>,
    free: Vec<Slot>,
    /// Claims in flight, by the time they were made; may name records that have moved on.
    claims: VecDeque<Entry>,
    /// Messages handled; the entries may name records that have moved on. Receivers that share the
    /// store differ in how long theirs last, and there are as many lanes as there are such times.
    done: Vec<Lane>,
}

struct Record {
    key: Key,
    replay_key: Option<Key>,
    phase: Phase,
    generation: u32,
    token: u64,
    body: u64,
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

pub(super) enum Inserted {
    WithRoom,
    Evicting,
    Full,
}

impl Shard {
    pub(super) fn new(capacity: usize, hash: Multilinear) -> Self {
        Self {
            capacity: capacity.min(Slot::MAX as usize),
            index: HashMap::with_hasher(hash),
            records: Vec::new(),
            free: Vec::new(),
            claims: VecDeque::new(),
            done: Vec::new(),
        }
    }

    /// Returns what holds a key of `ticket`; if it is nothing that lasts at `now`, its keys are free
    /// afterwards.
    pub(super) fn find(&mut self, ticket: &Ticket, now: UnixMillis) -> Option<Claimed> {
        let mut held = None;
        let mut lapsed = [None; 2];
        let keys = [Some(ticket.key()), ticket.replay_key()];
        for (key, lapsed) in keys.into_iter().flatten().zip(&mut lapsed) {
            let Some(&slot) = self.index.get(&key) else {
                continue;
            };
            let record = self.record(slot);
            if record.until <= now {
                *lapsed = Some(slot);
            } else if record.phase == Phase::Done {
                let other_body = record.body != ticket.body();
                return Some(Claimed::Done { other_body });
            } else {
                let until = record.until;
                held = Some(Claimed::InFlight { until });
            }
        }
        // A claim that is not fresh changes nothing: who is late may still commit.
        if held.is_none() {
            self.remove_all(lapsed);
        }
        held
    }

    /// Puts the claim in; its keys must be free.
    pub(super) fn insert(
        &mut self,
        ticket: &Ticket,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Inserted {
        self.tidy(now);
        let mut inserted = Inserted::WithRoom;
        if self.is_full() {
            // Claims that lapsed lately, or behind one that is renewed again and again.
            self.tidy_claims(self.claims.len(), Duration::ZERO, now);
        }
        if self.is_full() {
            if !self.evict(now) {
                return Inserted::Full;
            }
            inserted = Inserted::Evicting;
        }
        self.put(ticket, until);
        inserted
    }

    pub(super) fn renew(&mut self, ticket: &Ticket, until: UnixMillis) -> Result<(), StoreError> {
        let slot = self.held_by(ticket)?;
        let record = self.record_mut(slot);
        if record.phase != Phase::InFlight {
            return Err(StoreError::lease_lost());
        }
        record.until = until;
        Ok(())
    }

    pub(super) fn commit(&mut self, ticket: &Ticket, now: UnixMillis) -> Result<(), StoreError> {
        let slot = self.held_by(ticket)?;
        let record = self.record_mut(slot);
        if record.phase == Phase::InFlight {
            record.phase = Phase::Done;
            record.until = now.saturating_add(ticket.keep());
            record.dispensable = now.saturating_add(ticket.hold());
            let generation = record.generation;
            self.lane_of(ticket).push(Entry { slot, generation });
        }
        Ok(())
    }

    pub(super) fn release(&mut self, ticket: &Ticket) -> Result<(), StoreError> {
        let slot = self.held_by(ticket)?;
        if self.record(slot).phase != Phase::InFlight {
            return Err(StoreError::lease_lost());
        }
        self.remove(slot);
        Ok(())
    }

    fn held_by(&self, ticket: &Ticket) -> Result<Slot, StoreError> {
        let slot = self.index.get(&ticket.key()).copied();
        slot.filter(|&slot| self.record(slot).token == ticket.token())
            .ok_or_else(StoreError::lease_lost)
    }

    fn lane_of(&mut self, ticket: &Ticket) -> &mut Lane {
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

    fn put(&mut self, ticket: &Ticket, until: UnixMillis) {
        let mut record = Record {
            key: ticket.key(),
            replay_key: ticket.replay_key(),
            phase: Phase::InFlight,
            generation: 0,
            token: ticket.token(),
            body: ticket.body(),
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
        if let Some(key) = ticket.replay_key() {
            self.index.insert(key, slot);
        }
    }

    fn remove(&mut self, slot: Slot) {
        let record = self.record_mut(slot);
        record.phase = Phase::Free;
        record.generation = record.generation.wrapping_add(1);
        let (key, replay_key) = (record.key, record.replay_key);
        self.index.remove(&key);
        if let Some(key) = replay_key {
            self.index.remove(&key);
        }
        self.free.push(slot);
    }

    /// Removes both, or the one that both are.
    fn remove_all(&mut self, [first, second]: [Option<Slot>; 2]) {
        let second = second.filter(|_| second != first);
        for slot in [first, second].into_iter().flatten() {
            self.remove(slot);
        }
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
            match self.oldest_done(lane) {
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
            let slot = self.oldest_done(lane)?;
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

    /// Returns the lane's message that was handled first, after dropping entries of no meaning.
    fn oldest_done(&mut self, lane: usize) -> Option<Slot> {
        let Self { done, records, .. } = self;
        done[lane].first(|entry| records[entry.slot as usize].generation == entry.generation)
    }

    fn record(&self, slot: Slot) -> &Record {
        &self.records[slot as usize]
    }

    fn record_mut(&mut self, slot: Slot) -> &mut Record {
        &mut self.records[slot as usize]
    }
}
