//! Unfinished work of a store in memory, in the order in which a worker may lease it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::LONGEST_LEASE;
use super::retry::RetryPolicy;
use super::work_state::{Stage, WorkState};
use crate::base::clock::UnixMillis;

/// Unfinished work by its time; work of one time by its key, so by the order of arrival.
#[derive(Debug)]
pub(crate) struct DueQueue<K> {
    untried: BTreeSet<(UnixMillis, K)>,
    /// Pending after an attempt.
    tried: BTreeSet<(UnixMillis, K)>,
    leased: BTreeSet<(UnixMillis, K)>,
}

impl<K: Clone + Ord> DueQueue<K> {
    pub(crate) const fn new() -> Self {
        Self {
            untried: BTreeSet::new(),
            tried: BTreeSet::new(),
            leased: BTreeSet::new(),
        }
    }

    /// Adds work; none if it is finished.
    pub(crate) fn insert(&mut self, work: &WorkState, key: K) {
        if let Some((queue, at)) = self.queue_of(work) {
            queue.insert((at, key));
        }
    }

    /// Removes work, which must not have changed since it was added.
    pub(crate) fn remove(&mut self, work: &WorkState, key: K) {
        if let Some((queue, at)) = self.queue_of(work) {
            queue.remove(&(at, key));
        }
    }

    fn queue_of(
        &mut self,
        work: &WorkState,
    ) -> Option<(&mut BTreeSet<(UnixMillis, K)>, UnixMillis)> {
        match work.stage() {
            Stage::Pending { due_at } if work.attempts() == 0 => Some((&mut self.untried, due_at)),
            Stage::Pending { due_at } => Some((&mut self.tried, due_at)),
            Stage::Leased { until } => Some((&mut self.leased, until)),
            Stage::Finished { .. } => None,
        }
    }

    /// Returns up to `most` that are due at `now`, those first that have been due for longest.
    pub(crate) fn due(&self, now: UnixMillis, most: usize) -> Vec<(UnixMillis, K)> {
        let due = |queue| until(queue, now).take(most).cloned().collect::<Vec<_>>();
        let mut due = self.queues().map(due).concat();
        due.sort_unstable();
        due.truncate(most);
        due
    }

    /// Returns the time at which the next work is due.
    pub(crate) fn first(&self) -> Option<UnixMillis> {
        let first = self.queues().into_iter().filter_map(BTreeSet::first);
        first.map(|(at, _)| *at).min()
    }

    const fn queues(&self) -> [&BTreeSet<(UnixMillis, K)>; 3] {
        [&self.untried, &self.tried, &self.leased]
    }

    /// Returns the work whose lease has lapsed.
    pub(crate) fn lapsed(&self, now: UnixMillis) -> impl Iterator<Item = &K> {
        until(&self.leased, now).map(|(_, key)| key)
    }

    /// Returns the pending work that a clock that was ahead has dated.
    pub(crate) fn pending_ahead(&self, now: UnixMillis) -> impl Iterator<Item = &K> {
        let tried = ahead(&self.tried, now, RetryPolicy::LONGEST_WAIT);
        ahead(&self.untried, now, Duration::ZERO).chain(tried)
    }

    /// Returns the leased work that a clock that was ahead has dated.
    pub(crate) fn leased_ahead(&self, now: UnixMillis) -> impl Iterator<Item = &K> {
        ahead(&self.leased, now, LONGEST_LEASE)
    }

    /// Returns whether a clock that was ahead has dated something.
    pub(crate) fn is_ahead(&self, now: UnixMillis) -> bool {
        let mut all = self.pending_ahead(now).chain(self.leased_ahead(now));
        all.next().is_some()
    }
}

/// For work of which only so much may be leased at once, and which can be cancelled.
#[cfg(any(feature = "emit", feature = "sqlite", feature = "postgres"))]
impl<K: Clone + Ord> DueQueue<K> {
    pub(crate) fn pending(&self) -> impl Iterator<Item = &K> {
        self.untried.iter().chain(&self.tried).map(|(_, key)| key)
    }

    /// Returns the number of live leases.
    pub(crate) fn live(&self, now: UnixMillis) -> usize {
        self.leased.len() - self.lapsed(now).count()
    }

    /// Returns the end of the live lease that ends first.
    pub(crate) fn first_end(&self, now: UnixMillis) -> Option<UnixMillis> {
        let mut ends = self.leased.iter().map(|(end, _)| *end);
        ends.find(|end| *end > now)
    }
}

fn until<K>(
    queue: &BTreeSet<(UnixMillis, K)>,
    now: UnixMillis,
) -> impl Iterator<Item = &(UnixMillis, K)> {
    queue.iter().take_while(move |(at, _)| *at <= now)
}

fn ahead<K>(
    queue: &BTreeSet<(UnixMillis, K)>,
    now: UnixMillis,
    longest: Duration,
) -> impl Iterator<Item = &K> {
    let latest = now.saturating_add(longest);
    let ahead = queue.iter().rev().take_while(move |(at, _)| *at > latest);
    ahead.map(|(_, key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> UnixMillis {
        UnixMillis::EPOCH.saturating_add(Duration::from_secs(secs))
    }

    fn pending(secs: u64) -> WorkState {
        WorkState::new(Stage::Pending { due_at: at(secs) })
    }

    fn leased(secs: u64) -> WorkState {
        let mut work = pending(0);
        work.lease(at(secs));
        work
    }

    fn tried(secs: u64) -> WorkState {
        let mut work = leased(0);
        work.wait(at(secs));
        work
    }

    fn queue<const N: usize>(work: [WorkState; N]) -> DueQueue<usize> {
        let mut queue = DueQueue::new();
        for (key, work) in work.iter().enumerate() {
            queue.insert(work, key);
        }
        queue
    }

    fn keys(due: &[(UnixMillis, usize)]) -> Vec<usize> {
        due.iter().map(|(_, key)| *key).collect()
    }

    #[test]
    fn what_has_been_due_for_longest_comes_first_whatever_its_state() {
        let mut queue = queue([pending(5), tried(3), leased(4), pending(3), leased(9)]);
        assert_eq!(keys(&queue.due(at(5), 9)), [1, 3, 2, 0]);
        assert_eq!(keys(&queue.due(at(5), 2)), [1, 3]);
        assert_eq!(queue.first(), Some(at(3)));
        assert_eq!(queue.lapsed(at(5)).collect::<Vec<_>>(), [&2]);
        for (work, key) in [(tried(3), 1), (pending(3), 3), (leased(4), 2)] {
            queue.remove(&work, key);
        }
        assert_eq!(keys(&queue.due(at(9), 9)), [0, 4]);
    }

    #[test]
    fn finished_work_is_not_queued() {
        let finished = WorkState::new(Stage::Finished { at: at(0) });
        assert_eq!(queue([finished]).first(), None);
    }

    #[test]
    fn each_state_has_its_own_latest_date() {
        let wait = RetryPolicy::LONGEST_WAIT.as_secs();
        let lease = LONGEST_LEASE.as_secs();
        let on_time = queue([pending(7), tried(7 + wait), leased(7 + lease)]);
        assert!(!on_time.is_ahead(at(7)));
        assert_eq!(on_time.pending_ahead(at(6)).collect::<Vec<_>>(), [&0, &1]);
        assert_eq!(on_time.leased_ahead(at(6)).collect::<Vec<_>>(), [&2]);
        assert!(queue([leased(8 + lease)]).is_ahead(at(7)));
    }
}
