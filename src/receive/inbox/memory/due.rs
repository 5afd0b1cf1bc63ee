//! Unfinished messages, in the order in which a worker may lease them.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::clock::UnixMillis;
use crate::queue::{LONGEST_LEASE, RetryPolicy};
use crate::receive::inbox::entry::MessageState;

/// Due time of a message, and its number.
type DueEntry = (UnixMillis, u64);

#[derive(Default)]
pub(super) struct DueIndex {
    untried: BTreeSet<DueEntry>,
    /// Pending after a failed run.
    tried: BTreeSet<DueEntry>,
    leased: BTreeSet<DueEntry>,
}

impl DueIndex {
    pub(super) fn insert(&mut self, entry: DueEntry, state: MessageState, attempts: u32) {
        let entries = match (state, attempts) {
            (MessageState::Leased, _) => &mut self.leased,
            (_, 0) => &mut self.untried,
            _ => &mut self.tried,
        };
        entries.insert(entry);
    }

    pub(super) fn remove(&mut self, entry: DueEntry) {
        for entries in [&mut self.untried, &mut self.tried, &mut self.leased] {
            entries.remove(&entry);
        }
    }

    /// Returns the numbers of up to `most` messages due at `now`.
    pub(super) fn until(&self, now: UnixMillis, most: usize) -> Vec<u64> {
        let due = |entries: &BTreeSet<DueEntry>| {
            let due = entries.iter().take_while(|entry| entry.0 <= now);
            due.take(most).copied().collect::<Vec<_>>()
        };
        let mut due = self.entries().map(due).concat();
        due.sort_unstable();
        due.into_iter().map(|entry| entry.1).take(most).collect()
    }

    pub(super) fn first(&self) -> Option<UnixMillis> {
        let first = self.entries().into_iter().filter_map(BTreeSet::first).min();
        Some(first?.0)
    }

    const fn entries(&self) -> [&BTreeSet<DueEntry>; 3] {
        [&self.untried, &self.tried, &self.leased]
    }

    /// Returns the numbers of pending messages that a clock that was ahead has dated.
    pub(super) fn pending_ahead(&self, now: UnixMillis) -> Vec<u64> {
        let mut pending = ahead(&self.untried, now, Duration::ZERO);
        pending.extend(ahead(&self.tried, now, RetryPolicy::LONGEST_WAIT));
        pending
    }

    /// Returns the numbers of leased messages that a clock that was ahead has dated.
    pub(super) fn leased_ahead(&self, now: UnixMillis) -> Vec<u64> {
        ahead(&self.leased, now, LONGEST_LEASE)
    }
}

fn ahead(entries: &BTreeSet<DueEntry>, now: UnixMillis, longest: Duration) -> Vec<u64> {
    let latest = now.saturating_add(longest);
    let ahead = entries.iter().rev().take_while(|entry| entry.0 > latest);
    ahead.map(|entry| entry.1).collect()
}
