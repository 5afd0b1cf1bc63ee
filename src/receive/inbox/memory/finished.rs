//! Finished messages, in the order in which they may be forgotten.

use std::collections::BTreeSet;

use super::row::InboxRow;
use crate::base::clock::UnixMillis;
use crate::receive::inbox::entry::MessageState;

#[derive(Default)]
pub(super) struct FinishedIndex {
    /// By the time at which the keys become free.
    expired: BTreeSet<(UnixMillis, u64)>,
    /// Handled messages, by the time from which a replay is impossible.
    spare: BTreeSet<(UnixMillis, u64)>,
}

impl FinishedIndex {
    pub(super) fn insert(&mut self, number: u64, row: &InboxRow) {
        let Some(ended_at) = row.ended_at else {
            return;
        };
        let keys = &row.keys;
        self.expired
            .insert((ended_at.saturating_add(keys.retention()), number));
        if row.state == MessageState::Done {
            self.spare
                .insert((ended_at.saturating_add(keys.replay_window()), number));
        }
    }

    pub(super) fn remove(&mut self, number: u64, row: &InboxRow) {
        if let Some(ended_at) = row.ended_at {
            let keys = &row.keys;
            self.expired
                .remove(&(ended_at.saturating_add(keys.retention()), number));
            self.spare
                .remove(&(ended_at.saturating_add(keys.replay_window()), number));
        }
    }

    /// Returns a message whose keys are free.
    pub(super) fn first_expired(&self, now: UnixMillis) -> Option<u64> {
        first_by(&self.expired, now)
    }

    /// Returns a handled message that can no longer be replayed.
    pub(super) fn first_spare(&self, now: UnixMillis) -> Option<u64> {
        first_by(&self.spare, now)
    }
}

fn first_by(times: &BTreeSet<(UnixMillis, u64)>, now: UnixMillis) -> Option<u64> {
    let (at, number) = times.first()?;
    (*at <= now).then_some(*number)
}
