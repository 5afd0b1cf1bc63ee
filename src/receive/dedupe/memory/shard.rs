//! One part of the store: a message and its requests share a shard and its lock.

use std::collections::HashMap;
use std::mem;
use std::time::Duration;

use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{Expiry, Life};
use crate::receive::dedupe::keys::{DedupeKey, DedupeKeys};
use crate::receive::dedupe::port::{Claimed, latest_end};

/// Senders influence the keys: the hash of the maps is a keyed one.
#[derive(Default)]
pub(crate) struct Shard {
    capacity: usize,
    messages: HashMap<DedupeKey, Record>,
    claims: Expiry<DedupeKey>,
    done: Expiry<DedupeKey>,
    /// Replay keys, each with the message that owns it, and its end.
    requests: HashMap<DedupeKey, (DedupeKey, UnixMillis)>,
    request_ends: Expiry<DedupeKey>,
    /// Unsigned ids, each with the message that was claimed last under it.
    ids: HashMap<DedupeKey, DedupeKey>,
    evicted: u64,
}

#[derive(Clone, Copy, Eq, PartialEq)]
struct Record {
    token: u64,
    is_done: bool,
    /// End of the claim, or of the retention.
    until: UnixMillis,
}

impl Shard {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            ..Self::default()
        }
    }

    /// Returns how many messages a full shard forgot early.
    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Leaves the replay key, and claims the message if it is free. Returns what holds it if not.
    pub(super) fn claim(
        &mut self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<Claimed>, StoreError> {
        let latest = latest_end(now, until);
        let held = self.held(keys.key(), now, latest);
        let owner = match keys.replay_key() {
            Some(request) => self.own_request(request, keys, now)?,
            None => keys.key(),
        };
        if owner != keys.key() {
            // The same bytes arrived under another id: not new, whatever became of that message.
            return Ok(Some(match (held, self.held(owner, now, latest)) {
                (Some(Claimed::Done), _) | (_, Some(Claimed::Done)) => Claimed::Done,
                (held, first) => held.or(first).unwrap_or(Claimed::Done),
            }));
        }
        if held.is_none() {
            self.make_room(keys.key(), now)?;
            let claim = Record {
                token: keys.token(),
                is_done: false,
                until,
            };
            if let Some(ended) = self.messages.insert(keys.key(), claim) {
                self.remove_end(keys, ended);
            }
            self.insert_end(keys, claim);
        }
        Ok(held)
    }

    /// Returns the claim or commit that holds `key` at `now`.
    fn held(&self, key: DedupeKey, now: UnixMillis, latest: UnixMillis) -> Option<Claimed> {
        let &Record { is_done, until, .. } = self.messages.get(&key)?;
        match is_done {
            _ if until <= now => None,
            true => Some(Claimed::Done),
            false => (until <= latest).then_some(Claimed::InFlight { until }),
        }
    }

    /// Returns the message that owns the request: that of `keys`, if none did.
    fn own_request(
        &mut self,
        request: DedupeKey,
        keys: &DedupeKeys,
        now: UnixMillis,
    ) -> Result<DedupeKey, StoreError> {
        match self.requests.get(&request) {
            Some((owner, until)) if now < *until => return Ok(*owner),
            _ => remove_ended(&mut self.requests, &mut self.request_ends, now),
        }
        if self.requests.len() >= 2 * self.capacity {
            self.request_ends.redate(now);
            return Err(StoreError::unavailable(DedupeFull));
        }
        let (owner, window) = (keys.key(), keys.replay_window());
        let until = now.saturating_add(window);
        if let Some((_, ended)) = self.requests.insert(request, (owner, until)) {
            let start = ended.saturating_sub(window);
            self.request_ends.remove(start, request);
        }
        self.request_ends.insert(life(window, window), now, request);
        Ok(owner)
    }

    /// Makes `key` the owner of its unsigned id. Returns whether another message was.
    pub(super) fn own_id(&mut self, id: DedupeKey, key: DedupeKey) -> bool {
        if self.ids.len() >= MOST_IDS {
            self.ids.clear();
        }
        let owner = self.ids.insert(id, key);
        owner.is_some_and(|owner| owner != key)
    }

    fn make_room(&mut self, key: DedupeKey, now: UnixMillis) -> Result<(), StoreError> {
        remove_ended(&mut self.messages, &mut self.claims, now);
        remove_ended(&mut self.messages, &mut self.done, now);
        if self.messages.len() < self.capacity || self.messages.contains_key(&key) {
            return Ok(());
        }
        let lapsed = self.claims.pop_spare(now);
        let Some(spare) = lapsed.or_else(|| self.done.pop_spare(now)) else {
            self.done.redate(now);
            return Err(StoreError::unavailable(DedupeFull));
        };
        self.messages.remove(&spare);
        if lapsed.is_none() {
            self.count_eviction();
        }
        Ok(())
    }

    /// A full shard evicts at every message: the log gets the 1st, 2nd, 4th, 8th, …
    fn count_eviction(&mut self) {
        self.evicted += 1;
        if self.evicted.is_power_of_two() {
            let evicted = self.evicted;
            tracing::warn!(
                evicted,
                "the dedupe store in memory is full and forgets messages early"
            );
        }
    }

    pub(super) fn renew(&mut self, keys: &DedupeKeys, until: UnixMillis) -> Result<(), StoreError> {
        self.change(keys, keys.token(), |held| {
            (!held.is_done).then_some(Record { until, ..held })
        })
    }

    pub(super) fn commit(&mut self, keys: &DedupeKeys, now: UnixMillis) -> Result<(), StoreError> {
        let token = keys.token();
        let done = Record::done(token, now.saturating_add(keys.retention()));
        self.change(keys, token, |held| {
            Some(if held.is_done { held } else { done })
        })
    }

    pub(crate) fn release(&mut self, keys: &DedupeKeys) -> Result<(), StoreError> {
        self.renew(keys, UnixMillis::EPOCH)?;
        self.claims.remove(UnixMillis::EPOCH, keys.key());
        self.messages.remove(&keys.key());
        Ok(())
    }

    /// Commits a claim without an end, for the message that an inbox stores under `number`.
    pub(crate) fn store(&mut self, keys: &DedupeKeys, number: u64) -> Result<(), StoreError> {
        let stored = Record::done(number, NEVER);
        self.change(keys, keys.token(), |held| (!held.is_done).then_some(stored))
    }

    /// Changes the end of the key of message `number`, or takes it away. Returns whether the key
    /// is still that message's at `now`.
    pub(crate) fn set_end(
        &mut self,
        keys: &DedupeKeys,
        number: u64,
        now: UnixMillis,
        end: Option<UnixMillis>,
    ) -> bool {
        let done = Record::done(number, end.unwrap_or(NEVER));
        let changed = self.change(keys, number, |held| (now < held.until).then_some(done));
        changed.is_ok()
    }

    /// Changes what `token` holds, unless `to` says that it does not hold it any more.
    fn change(
        &mut self,
        keys: &DedupeKeys,
        token: u64,
        to: impl FnOnce(Record) -> Option<Record>,
    ) -> Result<(), StoreError> {
        let record = self.messages.get_mut(&keys.key());
        let held = record.filter(|record| record.token == token);
        let held = held.ok_or_else(StoreError::lease_lost)?;
        let changed = to(*held).ok_or_else(StoreError::lease_lost)?;
        let before = mem::replace(held, changed);
        if before != changed {
            self.remove_end(keys, before);
            self.insert_end(keys, changed);
        }
        Ok(())
    }

    fn insert_end(&mut self, keys: &DedupeKeys, record: Record) {
        let (key, retention) = (keys.key(), keys.retention());
        if !record.is_done {
            self.claims.insert(CLAIM, record.until, key);
        } else if record.until < NEVER {
            let life = life(retention, keys.replay_window());
            self.done
                .insert(life, record.until.saturating_sub(retention), key);
        }
    }

    fn remove_end(&mut self, keys: &DedupeKeys, record: Record) {
        let (key, retention) = (keys.key(), keys.retention());
        if !record.is_done {
            self.claims.remove(record.until, key);
        } else if record.until < NEVER {
            self.done
                .remove(record.until.saturating_sub(retention), key);
        }
    }
}

impl Record {
    const fn done(token: u64, until: UnixMillis) -> Self {
        Self {
            token,
            is_done: true,
            until,
        }
    }
}

/// Removes two keys that have ended: more than a claim adds, so that they do not add up.
fn remove_ended<V>(map: &mut HashMap<DedupeKey, V>, ends: &mut Expiry<DedupeKey>, now: UnixMillis) {
    let ended = [ends.pop_ended(now), ends.pop_ended(now)];
    for key in ended.into_iter().flatten() {
        map.remove(&key);
    }
}

/// A claim counts from its end. If nobody has taken it over, it may still be committed for a minute,
/// while there is room.
const CLAIM: Life = life(Duration::from_secs(60), Duration::ZERO);

const fn life(retention: Duration, spare_after: Duration) -> Life {
    Life {
        retention,
        spare_after,
    }
}

/// End of a stored message's key.
const NEVER: UnixMillis = UnixMillis::from_millis(u64::MAX);

/// Most ids of a shard. They serve the log: a full map starts anew.
const MOST_IDS: usize = 448;

/// The store is full and may forget nothing.
#[derive(Debug, thiserror::Error)]
#[error("the dedupe store in memory is full of messages that may not be forgotten yet")]
struct DedupeFull;
