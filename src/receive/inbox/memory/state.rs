//! Messages of the store, and their queues.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use super::row::{InboxRow, size};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::{DueQueue, Expiry, LONGEST_LEASE, Life, Stage, WorkState};
use crate::receive::dedupe::{Claimed, DedupeKeys, MemoryDedupe};
use crate::receive::inbox::entry::{InboxEntry, MessageState};
use crate::receive::inbox::message::NewMessage;

/// Bounds of the store.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) messages: usize,
    /// Bytes of requests.
    pub(super) bytes: usize,
}

pub(super) struct InboxState {
    bounds: Bounds,
    /// Keys of stored messages, and of messages that are deleted but still known.
    pub(super) keys: MemoryDedupe,
    /// By a rising number.
    pub(super) messages: BTreeMap<u64, InboxRow>,
    next: u64,
    pub(super) ids: BTreeMap<InboxId, u64>,
    /// Unfinished messages of each source.
    pub(super) due: HashMap<Box<str>, DueQueue<u64>>,
    done: Expiry<u64>,
    failed: Expiry<u64>,
    bytes: usize,
}

impl InboxState {
    pub(super) fn new(bounds: Bounds, keys: MemoryDedupe) -> Self {
        Self {
            bounds,
            keys,
            messages: BTreeMap::new(),
            next: 0,
            ids: BTreeMap::new(),
            due: HashMap::new(),
            done: Expiry::default(),
            failed: Expiry::default(),
            bytes: 0,
        }
    }

    pub(super) fn receive(
        &mut self,
        message: NewMessage,
        now: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        // Claims of requests that end up to two leases ahead are in flight: see `latest_end`.
        let until = now.saturating_add(LONGEST_LEASE / 2);
        let claimed = self.keys.claim_now(&message.keys, now, until)?;
        if matches!(claimed, Claimed::Fresh { .. }) {
            if let Err(full) = self.make_room(size(&message.request), now) {
                self.keys.shard(&message.keys).release(&message.keys)?;
                return Err(full);
            }
            self.keys
                .shard(&message.keys)
                .store(&message.keys, self.next)?;
            self.insert(message, now);
        }
        Ok(claimed)
    }

    fn insert(&mut self, message: NewMessage, now: UnixMillis) {
        let number = self.next;
        self.next += 1;
        let row = InboxRow {
            id: message.id,
            source: message.source,
            keys: message.keys,
            request: Some(message.request),
            work: WorkState::new(Stage::Pending { due_at: now }),
            received_at: now,
            failure: None,
        };
        self.ids.insert(row.id.clone(), number);
        self.bytes += row.size();
        self.queue(number, &row);
        self.messages.insert(number, row);
    }

    /// Deletes finished messages: done ones, then failed ones whose key has ended, the oldest
    /// first. Done ones have no request, so that frees no bytes.
    fn make_room(&mut self, bytes: usize, now: UnixMillis) -> Result<(), StoreError> {
        loop {
            let is_crowded = self.messages.len() >= self.bounds.messages;
            if !is_crowded && self.bytes + bytes <= self.bounds.bytes {
                return Ok(());
            }
            let done = is_crowded.then(|| self.done.pop_first()).flatten();
            let Some(oldest) = done.or_else(|| self.failed.pop_ended(now)) else {
                self.failed.redate(now);
                return Err(StoreError::unavailable(InboxFull));
            };
            self.remove(oldest);
        }
    }

    /// Changes a message and its place in the queues: the only way to change one.
    pub(super) fn change(&mut self, number: u64, change: impl FnOnce(&mut InboxRow)) {
        if let Some(mut row) = self.messages.remove(&number) {
            self.unqueue(number, &row);
            self.bytes -= row.size();
            change(&mut row);
            self.bytes += row.size();
            self.queue(number, &row);
            self.messages.insert(number, row);
        }
    }

    fn queue(&mut self, number: u64, row: &InboxRow) {
        match row.work.stage() {
            Stage::Finished { at } => self.finished(row).insert(life_of(row), at, number),
            Stage::Pending { .. } | Stage::Leased { .. } => {
                let due = self.due.entry(row.source.clone());
                due.or_insert_with(DueQueue::new).insert(&row.work, number);
            }
        }
    }

    fn unqueue(&mut self, number: u64, row: &InboxRow) {
        match row.work.stage() {
            Stage::Finished { at } => self.finished(row).remove(at, number),
            Stage::Pending { .. } | Stage::Leased { .. } => {
                if let Some(due) = self.due.get_mut(&row.source) {
                    due.remove(&row.work, number);
                }
            }
        }
    }

    fn finished(&mut self, row: &InboxRow) -> &mut Expiry<u64> {
        match row.failure {
            None => &mut self.done,
            Some(_) => &mut self.failed,
        }
    }

    /// Removes a message that stands in no queue. Its key lives on until it ends.
    fn remove(&mut self, number: u64) -> Option<InboxRow> {
        let row = self.messages.remove(&number)?;
        self.bytes -= row.size();
        self.ids.remove(&row.id);
        Some(row)
    }

    pub(super) fn prune(&mut self, source: &str, before: UnixMillis, max: usize) -> usize {
        let finished = self.done.before(before).chain(self.failed.before(before));
        let of_source = finished.filter(|number| {
            let row = self.messages.get(number);
            row.is_some_and(|row| *row.source == *source)
        });
        let numbers: Vec<u64> = of_source.take(max).collect();
        for number in &numbers {
            if let Some(row) = self.remove(*number) {
                self.unqueue(*number, &row);
            }
        }
        numbers.len()
    }

    pub(super) fn find(&self, source: &str, id: &InboxId) -> Option<InboxEntry> {
        let row = self.messages.get(self.ids.get(id)?)?;
        (*row.source == *source).then(|| row.entry())
    }

    pub(super) fn failed(
        &self,
        source: &str,
        after: Option<&InboxId>,
        max: usize,
    ) -> Vec<InboxEntry> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let numbers = self.ids.range((after, Bound::Unbounded));
        numbers
            .filter_map(|(_, number)| self.messages.get(number))
            .filter(|row| row.state() == MessageState::Failed && *row.source == *source)
            .take(max)
            .map(InboxRow::entry)
            .collect()
    }

    pub(super) fn requeue(&mut self, source: &str, id: &InboxId, now: UnixMillis) -> bool {
        let Some((number, keys)) = self.find_failed(source, id) else {
            return false;
        };
        let is_own = self.keys.shard(keys).set_end(keys, number, now, None);
        if is_own {
            self.change(number, |row| row.work.requeue(now));
        }
        is_own
    }

    fn find_failed(&self, source: &str, id: &InboxId) -> Option<(u64, &DedupeKeys)> {
        let number = *self.ids.get(id)?;
        let row = self.messages.get(&number)?;
        let is_found = row.state() == MessageState::Failed && *row.source == *source;
        is_found.then_some((number, &row.keys))
    }
}

/// A failed message may be requeued as long as its key has not ended.
const fn life_of(row: &InboxRow) -> Life {
    Life {
        retention: row.keys.retention(),
        spare_after: row.keys.retention(),
    }
}

/// The store is at its bounds, and no finished message may be deleted.
#[derive(Debug, thiserror::Error)]
#[error("the memory inbox is full of messages that are not finished or may still be requeued")]
struct InboxFull;
