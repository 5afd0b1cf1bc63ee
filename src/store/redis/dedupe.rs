//! The dedupe port: a key per name, one script per call.

use std::time::Duration;

use redis::{FromRedisValue, Script, ScriptInvocation};
use tokio::time::timeout;

use super::RedisStore;
use super::error::store_error;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::dedupe::{Claimed, DedupeKeys, DedupeStore, latest_end};

/// The server runs each as a whole, and knows it by its hash.
pub(super) struct Scripts {
    claim: Script,
    change: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            claim: Script::new(include_str!("scripts/claim.lua")),
            change: Script::new(include_str!("scripts/change.lua")),
        }
    }
}

impl RedisStore {
    /// Hands the scripts to the server; the first use of a connection.
    pub(super) async fn load_scripts(&self) -> Result<(), StoreError> {
        let mut connection = self.connection.clone();
        let loading = async {
            self.scripts.claim.load_async(&mut connection).await?;
            self.scripts.change.load_async(&mut connection).await
        };
        let loaded = timeout(CALL_TIMEOUT, loading).await;
        loaded
            .map_err(StoreError::unavailable)?
            .map_err(store_error)?;
        Ok(())
    }

    /// One round trip, or three after the server forgot the script.
    async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        let answer = timeout(CALL_TIMEOUT, call.invoke_async(&mut connection)).await;
        answer
            .map_err(StoreError::unavailable)?
            .map_err(store_error)
    }

    /// Returns what holds the message of this name, if it lasts at `now`.
    async fn held(
        &self,
        name: &[u8],
        now: UnixMillis,
        latest: UnixMillis,
    ) -> Result<Option<Claimed>, StoreError> {
        let mut connection = self.connection.clone();
        let mut get = redis::cmd("GET");
        get.arg(of_message(name));
        let answer = timeout(CALL_TIMEOUT, get.query_async(&mut connection)).await;
        let held: Option<Vec<u8>> = answer
            .map_err(StoreError::unavailable)?
            .map_err(store_error)?;
        let Some(held) = held else {
            return Ok(None);
        };
        let until = held
            .get(UNTIL..)
            .and_then(|until| str::from_utf8(until).ok());
        let until = until.and_then(|until| until.parse().ok());
        let until = until.ok_or_else(|| StoreError::corrupt(UnknownState))?;
        let until = UnixMillis::from_millis(until);
        Ok(match held.first() {
            _ if until <= now => None,
            Some(b'd') => Some(Claimed::Done),
            _ => (until <= latest).then_some(Claimed::InFlight { until }),
        })
    }

    /// Runs the script that changes a claim that is held.
    async fn change(
        &self,
        change: &str,
        keys: &DedupeKeys,
        args: &[u64],
    ) -> Result<(), StoreError> {
        let mut call = self.scripts.change.prepare_invoke();
        call.key(of_message(keys.key().as_bytes()))
            .arg(change)
            .arg(&keys.token().to_be_bytes()[..]);
        for arg in args {
            call.arg(*arg);
        }
        match self.run(&call).await? {
            true => Ok(()),
            false => Err(StoreError::lease_lost()),
        }
    }
}

impl DedupeStore for RedisStore {
    async fn claim(
        &self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        let latest = latest_end(now, until);
        let mut call = self.scripts.claim.prepare_invoke();
        call.key(of_message(keys.key().as_bytes()));
        for (kind, key) in [('r', keys.replay_key()), ('i', keys.id_key())] {
            if let Some(key) = key {
                call.key(redis_key(kind, key.as_bytes()));
            }
        }
        call.arg(&keys.token().to_be_bytes()[..])
            .arg(&keys.body().to_be_bytes()[..])
            .arg(now.as_millis())
            .arg(until.as_millis())
            .arg(latest.as_millis())
            .arg(life(until.saturating_since(now)))
            .arg(keys.replay_key().is_some())
            .arg(now.saturating_add(keys.replay_window()).as_millis())
            .arg(life(keys.replay_window()))
            .arg(keys.id_key().is_some())
            .arg(life(keys.retention()));
        let (state, detail, other): (u8, u64, Vec<u8>) = self.run(&call).await?;
        let claimed = match state {
            0 => Claimed::Fresh {
                other_body: detail != 0,
            },
            1 => Claimed::InFlight {
                until: UnixMillis::from_millis(detail),
            },
            2 => Claimed::Done,
            _ => return Err(StoreError::corrupt(UnknownState)),
        };
        if other.is_empty() {
            return Ok(claimed);
        }
        // The request came under another id. A script may touch no key that it was not given.
        let first = self.held(&other, now, latest).await?;
        Ok(match (claimed, first) {
            (_, Some(Claimed::Done)) => Claimed::Done,
            (Claimed::Done, Some(in_flight)) => in_flight,
            (claimed, _) => claimed,
        })
    }

    async fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Result<(), StoreError> {
        self.change("renew", keys, &[until.as_millis()]).await
    }

    async fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Result<(), StoreError> {
        let until = now.saturating_add(keys.retention()).as_millis();
        self.change("commit", keys, &[until, life(keys.retention())])
            .await
    }

    async fn release(&self, keys: &DedupeKeys) -> Result<(), StoreError> {
        self.change("release", keys, &[]).await
    }
}

/// The names of messages and of requests, and the ids that are not signed, are kept apart.
fn redis_key(kind: char, key: &[u8]) -> Vec<u8> {
    let mut name = format!("tas:dedupe:{kind}:").into_bytes();
    name.extend_from_slice(key);
    name
}

fn of_message(key: &[u8]) -> Vec<u8> {
    redis_key('m', key)
}

/// Where the time begins in what a message's name holds.
const UNTIL: usize = 17;

/// How long the server keeps a key, in milliseconds. Whether it still means something is judged by
/// the time in it and the caller's clock.
fn life(meant: Duration) -> u64 {
    u64::try_from(meant.saturating_add(GRACE).as_millis()).unwrap_or(u64::MAX)
}

/// A commit that comes late still counts if nobody took the message over.
const GRACE: Duration = Duration::from_secs(60);

/// How long a call may take, a new connection and the loading of a script included.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// The server has something that this store does not write.
#[derive(Debug, thiserror::Error)]
#[error("the answer is none of fresh, in flight and done")]
struct UnknownState;
