//! The requests that came lately, each with the message that it was first.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::multilinear::Multilinear;
use crate::base::clock::UnixMillis;
use crate::receive::dedupe::keys::DedupeKey;

/// How many of the oldest a new one tidies: more than it adds.
const TIDY: usize = 2;

/// Replay keys, and the order in which they were left.
pub(super) struct Replays {
    capacity: usize,
    left: HashMap<DedupeKey, ReplayEntry, Multilinear>,
    /// Receivers that share the store differ in how long theirs last.
    queues: Vec<ReplayQueue>,
}

struct ReplayEntry {
    owner: DedupeKey,
    until: UnixMillis,
}

/// Those that last equally long: the one that was left first is the first to go.
struct ReplayQueue {
    hold: Duration,
    order: VecDeque<DedupeKey>,
}

/// There is no room, and none may be forgotten.
pub(super) struct DedupeFull;

impl Replays {
    pub(super) fn new(capacity: usize, hash: Multilinear) -> Self {
        Self {
            capacity,
            left: HashMap::with_hasher(hash),
            queues: Vec::new(),
        }
    }

    /// Returns for which message `key` was left first, for as long as it is kept.
    pub(super) fn owner(&self, key: DedupeKey, now: UnixMillis) -> Option<DedupeKey> {
        let left = self.left.get(&key).filter(|left| left.until > now);
        left.map(|left| left.owner)
    }

    /// Leaves `key`, which nobody has, for `owner`.
    pub(super) fn leave(
        &mut self,
        key: DedupeKey,
        owner: DedupeKey,
        now: UnixMillis,
        hold: Duration,
    ) -> Result<(), DedupeFull> {
        let until = now.saturating_add(hold);
        if let Some(ended) = self.left.get_mut(&key) {
            // It is still queued, and keeps its place.
            *ended = ReplayEntry { owner, until };
            return Ok(());
        }
        self.tidy(now);
        if self.left.len() >= self.capacity {
            return Err(DedupeFull);
        }
        self.left.insert(key, ReplayEntry { owner, until });
        let found = self.queues.iter_mut().find(|queue| queue.hold == hold);
        match found {
            Some(queue) => queue.order.push_back(key),
            None => self.queues.push(ReplayQueue {
                hold,
                order: VecDeque::from([key]),
            }),
        }
        Ok(())
    }

    fn tidy(&mut self, now: UnixMillis) {
        let Self { left, queues, .. } = self;
        queues.retain_mut(|queue| {
            for _ in 0..TIDY {
                queue.tidy_first(left, now);
            }
            !queue.order.is_empty()
        });
    }
}

impl ReplayQueue {
    fn tidy_first(
        &mut self,
        left: &mut HashMap<DedupeKey, ReplayEntry, Multilinear>,
        now: UnixMillis,
    ) {
        let latest = now.saturating_add(self.hold);
        let Some(key) = self.order.pop_front() else {
            return;
        };
        match left.get_mut(&key) {
            Some(first) if first.until <= now => {
                left.remove(&key);
            }
            // A clock left it that was ahead: counted from now on, it is the last to go.
            Some(first) if first.until > latest => {
                first.until = latest;
                self.order.push_back(key);
            }
            _ => self.order.push_front(key),
        }
    }
}
