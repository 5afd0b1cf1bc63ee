//! Handled messages with equal retention: the first one handled is the first to expire.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::clock::UnixMillis;
use crate::receive::dedupe::keys::DedupeKeys;

/// Index of a record: below 2^32 per shard.
pub(super) type RecordIndex = u32;

/// Reference to a record; outdated once the generation of the record has changed.
pub(super) struct QueueEntry {
    pub(super) slot: RecordIndex,
    pub(super) generation: u32,
}

/// Queue of handled messages, by the time of the commit.
pub(super) struct ExpiryQueue {
    retention: Duration,
    replay_window: Duration,
    entries: VecDeque<QueueEntry>,
}

impl ExpiryQueue {
    pub(super) const fn of(keys: &DedupeKeys) -> Self {
        Self {
            retention: keys.retention(),
            replay_window: keys.replay_window(),
            entries: VecDeque::new(),
        }
    }

    pub(super) fn is_of(&self, keys: &DedupeKeys) -> bool {
        self.retention == keys.retention() && self.replay_window == keys.replay_window()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn push(&mut self, entry: QueueEntry) {
        self.entries.push_back(entry);
    }

    /// Returns the time at which a message of this queue was handled that may be forgotten from
    /// `dispensable`.
    pub(super) fn handled_at(&self, dispensable: UnixMillis) -> UnixMillis {
        dispensable.saturating_sub(self.replay_window)
    }

    /// Returns the end of retention of a message handled at `at`, and the time from which it may be
    /// forgotten.
    pub(super) fn ends_of_handled_at(&self, at: UnixMillis) -> (UnixMillis, UnixMillis) {
        (
            at.saturating_add(self.retention),
            at.saturating_add(self.replay_window),
        )
    }

    pub(super) fn move_first_to_end(&mut self) {
        self.entries.rotate_left(1.min(self.entries.len()));
    }

    /// Returns the first message for which `is_current` holds, and drops the entries before it.
    pub(super) fn first(
        &mut self,
        is_current: impl Fn(&QueueEntry) -> bool,
    ) -> Option<RecordIndex> {
        while let Some(entry) = self.entries.front() {
            if is_current(entry) {
                return Some(entry.slot);
            }
            self.entries.pop_front();
            self.shrink();
        }
        None
    }

    /// Frees unused capacity: several queues may be long in turn, and together need no more room
    /// than one.
    fn shrink(&mut self) {
        let capacity = self.entries.capacity();
        if self.entries.len() < capacity / 4 {
            self.entries.shrink_to(capacity / 2);
        }
    }
}
