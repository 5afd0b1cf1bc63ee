//! Recent requests, each with the message that it first carried.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::multilinear::Multilinear;
use crate::base::clock::UnixMillis;
use crate::receive::dedupe::keys::DedupeKey;

/// Oldest entries that an insertion checks: more than it adds.
const REMOVALS_PER_INSERT: usize = 2;

/// Replay keys, and their order of arrival.
pub(super) struct Replays {
    capacity: usize,
    entries: HashMap<DedupeKey, ReplayEntry, Multilinear>,
    /// One queue per replay window; receivers that share the store may have different windows.
    queues: Vec<ReplayQueue>,
}

struct ReplayEntry {
    owner: DedupeKey,
    until: UnixMillis,
}

/// Requests with an equal window: the first one that arrived is the first to expire.
struct ReplayQueue {
    window: Duration,
    order: VecDeque<DedupeKey>,
}

/// The store is full and may forget nothing.
pub(super) struct DedupeFull;

impl Replays {
    pub(super) fn new(capacity: usize, hash: Multilinear) -> Self {
        Self {
            capacity,
            entries: HashMap::with_hasher(hash),
            queues: Vec::new(),
        }
    }

    /// Returns the message with which `key` was left first, while it is kept.
    pub(super) fn owner(&self, key: DedupeKey, now: UnixMillis) -> Option<DedupeKey> {
        let entry = self.entries.get(&key).filter(|entry| entry.until > now);
        entry.map(|entry| entry.owner)
    }

    /// Leaves `key` for `owner`. No other message may own it.
    pub(super) fn insert(
        &mut self,
        key: DedupeKey,
        owner: DedupeKey,
        now: UnixMillis,
        window: Duration,
    ) -> Result<(), DedupeFull> {
        let until = now.saturating_add(window);
        if let Some(ended) = self.entries.get_mut(&key) {
            // The key is still queued and keeps its place.
            *ended = ReplayEntry { owner, until };
            return Ok(());
        }
        self.remove_expired(now);
        if self.entries.len() >= self.capacity {
            return Err(DedupeFull);
        }
        self.entries.insert(key, ReplayEntry { owner, until });
        let found = self.queues.iter_mut().find(|queue| queue.window == window);
        match found {
            Some(queue) => queue.order.push_back(key),
            None => self.queues.push(ReplayQueue {
                window,
                order: VecDeque::from([key]),
            }),
        }
        Ok(())
    }

    fn remove_expired(&mut self, now: UnixMillis) {
        let Self {
            entries, queues, ..
        } = self;
        queues.retain_mut(|queue| {
            for _ in 0..REMOVALS_PER_INSERT {
                queue.remove_first_expired(entries, now);
            }
            !queue.order.is_empty()
        });
    }
}

impl ReplayQueue {
    fn remove_first_expired(
        &mut self,
        entries: &mut HashMap<DedupeKey, ReplayEntry, Multilinear>,
        now: UnixMillis,
    ) {
        let latest = now.saturating_add(self.window);
        let Some(key) = self.order.pop_front() else {
            return;
        };
        match entries.get_mut(&key) {
            Some(first) if first.until <= now => {
                entries.remove(&key);
            }
            // A clock that was ahead left it: counted from now, it goes last.
            Some(first) if first.until > latest => {
                first.until = latest;
                self.order.push_back(key);
            }
            _ => self.order.push_front(key),
        }
    }
}
