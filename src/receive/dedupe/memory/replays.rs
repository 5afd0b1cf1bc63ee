//! Recent requests, each with the message that it first carried.

use std::collections::HashMap;

use super::multilinear::Multilinear;
use crate::base::clock::UnixMillis;
use crate::queue::{Expiry, Life};
use crate::receive::dedupe::keys::{DedupeKey, DedupeKeys};

/// Ended keys of a kind that a claim removes: more than it adds, so that they do not add up.
pub(super) const REMOVALS_PER_CLAIM: usize = 2;

/// The store is full and may forget nothing.
#[derive(Debug, thiserror::Error)]
#[error("the dedupe store in memory is full of messages that may not be forgotten yet")]
pub(super) struct DedupeFull;

/// Replay keys, and the order in which they end.
pub(super) struct Replays {
    capacity: usize,
    entries: HashMap<DedupeKey, Replay, Multilinear>,
    ends: Expiry<DedupeKey>,
}

struct Replay {
    owner: DedupeKey,
    until: UnixMillis,
}

impl Replays {
    pub(super) fn new(capacity: usize, hash: Multilinear) -> Self {
        Self {
            capacity,
            entries: HashMap::with_hasher(hash),
            ends: Expiry::new(),
        }
    }

    /// Returns the message with which `key` was left first, while it is kept.
    pub(super) fn owner(&self, key: DedupeKey, now: UnixMillis) -> Option<DedupeKey> {
        let entry = self.entries.get(&key).filter(|entry| now < entry.until);
        entry.map(|entry| entry.owner)
    }

    /// Leaves the replay key `key` of `keys`. No message may own it.
    pub(super) fn leave(
        &mut self,
        key: DedupeKey,
        keys: &DedupeKeys,
        now: UnixMillis,
    ) -> Result<(), DedupeFull> {
        self.remove_ended(key, now);
        if self.entries.len() >= self.capacity {
            self.ends.redate(now);
            return Err(DedupeFull);
        }
        let window = keys.replay_window();
        let life = Life {
            retention: window,
            spare_after: window,
        };
        self.ends.insert(life, now, key);
        let entry = Replay {
            owner: keys.key(),
            until: now.saturating_add(window),
        };
        self.entries.insert(key, entry);
        Ok(())
    }

    /// Removes `key` and a few others that have ended.
    fn remove_ended(&mut self, key: DedupeKey, now: UnixMillis) {
        let mut removed = 0;
        while removed < REMOVALS_PER_CLAIM || self.entries.contains_key(&key) {
            let Some(ended) = self.ends.pop_ended(now) else {
                break;
            };
            self.entries.remove(&ended);
            removed += 1;
        }
    }
}
