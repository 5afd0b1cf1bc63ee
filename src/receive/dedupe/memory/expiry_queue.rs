//! Handled messages that last equally long: the one that was handled first is the first to go.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::clock::UnixMillis;
use crate::receive::dedupe::keys::DedupeKeys;

/// Index of a record: fewer than 2^32 per shard.
pub(super) type RecordIndex = u32;

/// A record as a queue names it; of no meaning once the record's generation has changed.
pub(super) struct QueueEntry {
    pub(super) slot: RecordIndex,
    pub(super) generation: u32,
}

/// A queue of handled messages, by the time of the commit.
pub(super) struct ExpiryQueue {
    keep: Duration,
    hold: Duration,
    entries: VecDeque<QueueEntry>,
}

impl ExpiryQueue {
    pub(super) const fn of(keys: &DedupeKeys) -> Self {
        Self {
            keep: keys.retention(),
            hold: keys.replay_window(),
            entries: VecDeque::new(),
        }
    }

    pub(super) fn is_of(&self, keys: &DedupeKeys) -> bool {
        self.keep == keys.retention() && self.hold == keys.replay_window()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn push(&mut self, entry: QueueEntry) {
        self.entries.push_back(entry);
    }

    /// Returns when a message of this queue was handled that may be forgotten from `dispensable` on.
    pub(super) fn handled_at(&self, dispensable: UnixMillis) -> UnixMillis {
        dispensable.saturating_sub(self.hold)
    }

    /// Returns until when a message of this queue is remembered that was handled at `at`, and from when
    /// on it may be forgotten.
    pub(super) fn ends_of_handled_at(&self, at: UnixMillis) -> (UnixMillis, UnixMillis) {
        (at.saturating_add(self.keep), at.saturating_add(self.hold))
    }

    pub(super) fn send_first_to_the_end(&mut self) {
        self.entries.rotate_left(1.min(self.entries.len()));
    }

    /// Returns the first message of which `is_current` holds, after dropping the entries before it.
    pub(super) fn first(
        &mut self,
        is_current: impl Fn(&QueueEntry) -> bool,
    ) -> Option<RecordIndex> {
        while let Some(entry) = self.entries.front() {
            if is_current(entry) {
                return Some(entry.slot);
            }
            self.entries.pop_front();
            self.give_back();
        }
        None
    }

    /// Lanes may be long in turn, and together have no more room than one needs.
    fn give_back(&mut self) {
        let capacity = self.entries.capacity();
        if self.entries.len() < capacity / 4 {
            self.entries.shrink_to(capacity / 2);
        }
    }
}
