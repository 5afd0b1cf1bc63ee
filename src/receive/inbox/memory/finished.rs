//! What is finished, in the order in which it may be forgotten.

use std::collections::BTreeSet;

use super::row::InboxRow;
use crate::base::clock::UnixMillis;
use crate::receive::inbox::entry::MessageState;

#[derive(Default)]
pub(super) struct FinishedIndex {
    /// By when its names are free.
    forgotten: BTreeSet<(UnixMillis, u64)>,
    /// What was handled: by when it can no longer be replayed.
    spare: BTreeSet<(UnixMillis, u64)>,
}

impl FinishedIndex {
    pub(super) fn insert(&mut self, number: u64, row: &InboxRow) {
        let Some(ended_at) = row.ended_at else {
            return;
        };
        let keys = &row.keys;
        self.forgotten
            .insert((ended_at.saturating_add(keys.retention()), number));
        if row.state == MessageState::Done {
            self.spare
                .insert((ended_at.saturating_add(keys.replay_window()), number));
        }
    }

    pub(super) fn remove(&mut self, number: u64, row: &InboxRow) {
        if let Some(ended_at) = row.ended_at {
            let keys = &row.keys;
            self.forgotten
                .remove(&(ended_at.saturating_add(keys.retention()), number));
            self.spare
                .remove(&(ended_at.saturating_add(keys.replay_window()), number));
        }
    }

    /// Returns one whose names are free.
    pub(super) fn forgotten(&self, now: UnixMillis) -> Option<u64> {
        first_by(&self.forgotten, now)
    }

    /// Returns one that was handled and that no one can replay any more.
    pub(super) fn spare(&self, now: UnixMillis) -> Option<u64> {
        first_by(&self.spare, now)
    }
}

fn first_by(times: &BTreeSet<(UnixMillis, u64)>, now: UnixMillis) -> Option<u64> {
    let (at, number) = times.first()?;
    (*at <= now).then_some(*number)
}
