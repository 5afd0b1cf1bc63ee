//! State of the store, and its indexes.

use std::collections::{BTreeMap, HashMap};

use super::due::DueIndex;
use super::finished::FinishedIndex;
use super::row::InboxRow;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::receive::dedupe::{Claimed, DedupeKey, DedupeKeys};
use crate::receive::inbox::entry::{InboxEntry, MessageState};
use crate::receive::inbox::message::NewMessage;
use crate::receive::inbox::request::StoredRequest;

/// Bounds of the store.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) messages: usize,
    /// Bytes of requests, and of replay keys of known requests.
    pub(super) bytes: usize,
}

pub(super) struct InboxState {
    bounds: Bounds,
    /// By a rising number, so that the oldest is the first.
    pub(super) messages: BTreeMap<u64, InboxRow>,
    next: u64,
    pub(super) ids: BTreeMap<InboxId, u64>,
    claimed: HashMap<DedupeKey, u64>,
    /// By ids that are not authentic.
    by_id: HashMap<DedupeKey, u64>,
    /// Unfinished messages of each source, by due time.
    pub(super) due: HashMap<Box<str>, DueIndex>,
    finished: FinishedIndex,
    pub(super) bytes: usize,
}

impl InboxState {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            messages: BTreeMap::new(),
            next: 0,
            ids: BTreeMap::new(),
            claimed: HashMap::new(),
            by_id: HashMap::new(),
            due: HashMap::new(),
            finished: FinishedIndex::default(),
            bytes: 0,
        }
    }

    pub(super) fn receive(
        &mut self,
        message: NewMessage,
        now: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        let NewMessage {
            id,
            source,
            keys,
            request,
        } = message;
        if let Some(known) = self.holder(claim_keys(&keys), now) {
            self.leave_replay_key(known, &keys, now)?;
            return Ok(Claimed::Done);
        }
        self.make_room(size(&request), now)?;
        let number = self.next;
        self.next += 1;
        for key in claim_keys(&keys) {
            self.claimed.insert(key, number);
        }
        let before = keys
            .id_key()
            .and_then(|key| self.by_id.insert(key, number))
            .and_then(|number| self.messages.get(&number));
        let other_body = before.is_some_and(|row| row.keys.body() != keys.body());
        self.bytes += size(&request);
        self.ids.insert(id.clone(), number);
        let row = InboxRow {
            id,
            source,
            keys,
            replay_keys: Vec::new(),
            request: Some(request),
            state: MessageState::Pending,
            due_at: None,
            attempts: 0,
            token: 0,
            received_at: now,
            ended_at: None,
            failure: None,
        };
        self.messages.insert(number, row);
        self.place(number, MessageState::Pending, now);
        Ok(Claimed::Fresh { other_body })
    }

    /// Returns the number of the message that holds the first claimed key of `keys`.
    fn holder(&self, keys: impl IntoIterator<Item = DedupeKey>, now: UnixMillis) -> Option<u64> {
        keys.into_iter().find_map(|key| {
            let number = *self.claimed.get(&key)?;
            let row = self.messages.get(&number)?;
            (!row.is_expired(now)).then_some(number)
        })
    }

    /// Lets the stored message claim the replay key.
    fn leave_replay_key(
        &mut self,
        number: u64,
        keys: &DedupeKeys,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let replay_key = keys.replay_key();
        let Some(key) = replay_key.filter(|key| self.holder([*key], now).is_none()) else {
            return Ok(());
        };
        if self.bytes + size_of::<DedupeKey>() > self.bounds.bytes {
            return Err(StoreError::unavailable(InboxFull));
        }
        if let Some(row) = self.messages.get_mut(&number) {
            row.replay_keys.push(key);
            self.claimed.insert(key, number);
            self.bytes += size_of::<DedupeKey>();
        }
        Ok(())
    }

    /// Removes finished messages whose keys are free, the oldest first; then handled messages that
    /// need not be known. The latter have no request, so that frees no bytes.
    fn make_room(&mut self, bytes: usize, now: UnixMillis) -> Result<(), StoreError> {
        let Bounds {
            messages: most,
            bytes: most_bytes,
        } = self.bounds;
        while self.messages.len() >= most || self.bytes + bytes > most_bytes {
            let is_crowded = self.messages.len() >= most;
            let spare = || self.finished.first_spare(now).filter(|_| is_crowded);
            let Some(oldest) = self.finished.first_expired(now).or_else(spare) else {
                return Err(StoreError::unavailable(InboxFull));
            };
            self.remove(oldest);
        }
        Ok(())
    }

    fn remove(&mut self, number: u64) {
        let Some(row) = self.messages.remove(&number) else {
            return;
        };
        self.finished.remove(number, &row);
        self.ids.remove(&row.id);
        self.bytes -= row.request.as_ref().map_or(0, size);
        self.bytes -= row.replay_keys.len() * size_of::<DedupeKey>();
        for key in claim_keys(&row.keys).chain(row.replay_keys) {
            // A later message may own the key by now.
            if self.claimed.get(&key) == Some(&number) {
                self.claimed.remove(&key);
            }
        }
        let by_id = row.keys.id_key();
        if let Some(key) = by_id.filter(|key| self.by_id.get(key) == Some(&number)) {
            self.by_id.remove(&key);
        }
    }

    /// Moves an unfinished message to its place in the queue.
    pub(super) fn place(&mut self, number: u64, state: MessageState, due_at: UnixMillis) {
        self.unplace(number);
        if let Some(row) = self.messages.get_mut(&number) {
            (row.state, row.due_at, row.ended_at) = (state, Some(due_at), None);
            let due = self.due.entry(row.source.clone()).or_default();
            due.insert((due_at, number), state, row.attempts);
        }
    }

    pub(super) fn end(&mut self, number: u64, state: MessageState, now: UnixMillis) {
        self.unplace(number);
        if let Some(row) = self.messages.get_mut(&number) {
            (row.state, row.due_at, row.ended_at) = (state, None, Some(now));
            self.finished.insert(number, row);
        }
    }

    fn unplace(&mut self, number: u64) {
        let Some(row) = self.messages.get(&number) else {
            return;
        };
        self.finished.remove(number, row);
        if let Some(due_at) = row.due_at
            && let Some(due) = self.due.get_mut(&row.source)
        {
            due.remove((due_at, number));
        }
    }

    pub(super) fn prune(&mut self, source: &str, before: UnixMillis, max: usize) -> usize {
        let is_finished = |row: &InboxRow| {
            let ended = row.ended_at.is_some_and(|at| at < before);
            ended && *row.source == *source
        };
        let finished = self.messages.iter().filter(|(_, row)| is_finished(row));
        let numbers: Vec<u64> = finished.map(|(number, _)| *number).take(max).collect();
        for number in &numbers {
            self.remove(*number);
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
        let is_after = |id: &InboxId| after.is_none_or(|after| id > after);
        let rows = self.ids.iter().filter(|(id, _)| is_after(id));
        rows.filter_map(|(_, number)| self.messages.get(number))
            .filter(|row| row.state == MessageState::Failed && *row.source == *source)
            .take(max)
            .map(InboxRow::entry)
            .collect()
    }

    pub(super) fn requeue(&mut self, source: &str, id: &InboxId, now: UnixMillis) -> bool {
        let Some(&number) = self.ids.get(id) else {
            return false;
        };
        let failed =
            |row: &&mut InboxRow| row.state == MessageState::Failed && *row.source == *source;
        let Some(row) = self.messages.get_mut(&number).filter(failed) else {
            return false;
        };
        if !claim_keys(&row.keys).any(|key| self.claimed.get(&key) == Some(&number)) {
            return false;
        }
        row.attempts = 0;
        self.place(number, MessageState::Pending, now);
        true
    }
}

fn claim_keys(keys: &DedupeKeys) -> impl Iterator<Item = DedupeKey> {
    [Some(keys.key()), keys.replay_key()].into_iter().flatten()
}

pub(super) fn size(request: &StoredRequest) -> usize {
    request.head().len() + request.body().len()
}

/// The store is at its bounds, and no finished message may be forgotten.
#[derive(Debug, thiserror::Error)]
#[error(
    "the memory inbox is full of messages that are not finished or still have to be remembered"
)]
struct InboxFull;
