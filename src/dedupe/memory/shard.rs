//! One part of the map: both keys of a message lie in the same one, under one lock.

use std::collections::{HashMap, VecDeque};

use super::multilinear::Multilinear;
use crate::clock::UnixMillis;
use crate::dedupe::{Claimed, Key, Ticket};
use crate::store_error::StoreError;

/// How many ends of each queue a claim tidies: more than it adds, so that the queues do not grow.
const TIDY: usize = 2;

/// How many handled messages are looked at for one that may be forgotten.
const LOOK: usize = 32;

/// Messages by key, and in the order in which they may be forgotten.
pub(super) struct Shard {
    capacity: usize,
    index: HashMap<Key, Slot, Multilinear>,
    records: Vec<Record>,
    free: Vec<Slot>,
    /// Claims in flight, by the time they were made; may name records that have moved on.
    claims: VecDeque<Entry>,
    /// Messages handled, by the time of the commit; may name records that have moved on.
    done: VecDeque<Entry>,
}

/// Index of a record: fewer than 2^32 per shard.
type Slot = u32;

/// A record as a queue names it; of no meaning once the record's generation has changed.
struct Entry {
    slot: Slot,
    generation: u32,
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
            done: VecDeque::new(),
        }
    }

    /// Returns what holds a key of `ticket`; if it is nothing that lasts at `now`, its keys are free
    /// afterwards.
    pub(super) fn find(&mut self, ticket: &Ticket, now: UnixMillis) -> Option<Claimed> {
        let mut held = None;
        for key in [Some(ticket.key()), ticket.replay_key()]
            .into_iter()
            .flatten()
        {
            let Some(&slot) = self.index.get(&key) else {
                continue;
            };
            let record = self.record(slot);
            let (phase, until) = (record.phase, record.until);
            let other_body = record.body != ticket.body();
            if until <= now {
                self.remove(slot);
            } else if phase == Phase::Done {
                return Some(Claimed::Done { other_body });
            } else {
                held = Some(Claimed::InFlight { until });
            }
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
            // Claims that lapsed behind one that is renewed again and again.
            self.tidy_claims(self.claims.len(), now);
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
            self.done.push_back(Entry { slot, generation });
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

    fn tidy(&mut self, now: UnixMillis) {
        self.tidy_claims(TIDY, now);
        for _ in 0..TIDY {
            match self.oldest_done() {
                Some(slot) if self.record(slot).until <= now => self.remove(slot),
                _ => break,
            }
        }
    }

    /// Looks at `most` claims, oldest first: frees those that have lapsed, and sends those that live
    /// to the end of the queue.
    fn tidy_claims(&mut self, most: usize, now: UnixMillis) {
        for _ in 0..most {
            let Some(entry) = self.claims.pop_front() else {
                break;
            };
            let record = self.record(entry.slot);
            if record.generation != entry.generation || record.phase != Phase::InFlight {
                continue;
            }
            if record.until <= now {
                self.remove(entry.slot);
            } else {
                self.claims.push_back(entry);
            }
        }
    }

    /// Forgets the first handled message whose time has come. One that must be held for longer,
    /// because its layer tolerates older timestamps, does not protect those behind it.
    fn evict(&mut self, now: UnixMillis) -> bool {
        // What is looked at below begins with an entry that means something.
        self.oldest_done();
        let is_dispensable = |entry: &Entry| {
            let record = self.record(entry.slot);
            record.generation == entry.generation && record.dispensable <= now
        };
        let found = self.done.iter().take(LOOK).position(is_dispensable);
        let Some(entry) = found.and_then(|at| self.done.remove(at)) else {
            return false;
        };
        self.remove(entry.slot);
        true
    }

    /// Returns the message that was handled first, after dropping entries of no meaning.
    fn oldest_done(&mut self) -> Option<Slot> {
        while let Some(entry) = self.done.front() {
            let slot = entry.slot;
            if self.record(slot).generation == entry.generation {
                return Some(slot);
            }
            self.done.pop_front();
        }
        None
    }

    fn record(&self, slot: Slot) -> &Record {
        &self.records[slot as usize]
    }

    fn record_mut(&mut self, slot: Slot) -> &mut Record {
        &mut self.records[slot as usize]
    }
}
