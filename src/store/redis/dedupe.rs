//! The dedupe port: one Redis key for each key of a message, one script for each call.

use std::time::Duration;

use redis::{FromRedisValue, ScriptInvocation};
use tokio::time::timeout;

use super::RedisStore;
use super::error::store_error;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::dedupe::{Claimed, DedupeKeys, DedupeStore, Reply, latest_end};

impl RedisStore {
    /// Loads the scripts into the server. This is the first use of the connection.
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

    /// Runs a script: one round trip, or three if the server no longer has the script.
    async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        let mut connection = self.connection.clone();
        let response = timeout(CALL_TIMEOUT, call.invoke_async(&mut connection)).await;
        response
            .map_err(StoreError::unavailable)?
            .map_err(store_error)
    }

    /// Returns the claim on the message with this key, if it lasts at `now`.
    async fn find_claim(
        &self,
        key: &[u8],
        now: UnixMillis,
        latest: UnixMillis,
    ) -> Result<Option<Claimed>, StoreError> {
        let mut connection = self.connection.clone();
        let mut get = redis::cmd("GET");
        get.arg(of_message(key));
        let response = timeout(CALL_TIMEOUT, get.query_async(&mut connection)).await;
        let state: Option<Vec<u8>> = response
            .map_err(StoreError::unavailable)?
            .map_err(store_error)?;
        let Some(state) = state else {
            return Ok(None);
        };
        let until = state
            .get(UNTIL..)
            .and_then(|until| str::from_utf8(until).ok());
        let until = until.and_then(|until| until.parse().ok());
        let until = until.ok_or_else(|| StoreError::corrupt(UnknownState))?;
        let until = UnixMillis::from_millis(until);
        Ok(match state.first() {
            _ if until <= now => None,
            Some(b'd') => Some(Claimed::Done),
            _ => (until <= latest).then_some(Claimed::InFlight { until }),
        })
    }

    /// Runs the script that changes a claim.
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
    fn claim(&self, keys: &DedupeKeys, now: UnixMillis, until: UnixMillis) -> Reply<Claimed> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move { store.claim_message(&keys, now, until).await })
    }

    fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Reply<()> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move { store.renew_claim(&keys, until).await })
    }

    fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Reply<()> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move { store.commit_claim(&keys, now).await })
    }

    fn release(&self, keys: &DedupeKeys) -> Reply<()> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move { store.release_claim(&keys).await })
    }
}

impl RedisStore {
    async fn claim_message(
        &self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        let latest = latest_end(now, until);
        let mut call = self.scripts.claim.prepare_invoke();
        call.key(of_message(keys.key().as_bytes()));
        for (kind, key) in [('r', keys.replay_key()), ('u', keys.id_key())] {
            if let Some(key) = key {
                call.key(redis_key(kind, key.as_bytes()));
            }
        }
        call.arg(&keys.token().to_be_bytes()[..])
            .arg(now.as_millis())
            .arg(until.as_millis())
            .arg(latest.as_millis())
            .arg(life(until.saturating_since(now)))
            .arg(keys.replay_key().is_some())
            .arg(now.saturating_add(keys.replay_window()).as_millis())
            .arg(life(keys.replay_window()))
            .arg(keys.id_key().is_some());
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
        // The request was received under another id. A script may access only the keys of its call.
        let first = self.find_claim(&other, now, latest).await?;
        Ok(match (claimed, first) {
            (_, Some(Claimed::Done)) => Claimed::Done,
            (Claimed::Done, Some(in_flight)) => in_flight,
            (claimed, _) => claimed,
        })
    }

    async fn renew_claim(&self, keys: &DedupeKeys, until: UnixMillis) -> Result<(), StoreError> {
        self.change("renew", keys, &[until.as_millis()]).await
    }

    async fn commit_claim(&self, keys: &DedupeKeys, now: UnixMillis) -> Result<(), StoreError> {
        let until = now.saturating_add(keys.retention()).as_millis();
        self.change("commit", keys, &[until, life(keys.retention())])
            .await
    }

    async fn release_claim(&self, keys: &DedupeKeys) -> Result<(), StoreError> {
        self.change("release", keys, &[]).await
    }
}

/// Returns the Redis key. `kind` separates the keys of messages, of requests, and of unsigned ids.
fn redis_key(kind: char, key: &[u8]) -> Vec<u8> {
    let mut redis_key = format!("tas:dedupe:{kind}:").into_bytes();
    redis_key.extend_from_slice(key);
    redis_key
}

fn of_message(key: &[u8]) -> Vec<u8> {
    redis_key('m', key)
}

/// Offset of the end in the value of a message's key.
const UNTIL: usize = 17;

/// Returns the server's expiry of a key in milliseconds. The time in its value and the caller's clock
/// decide whether the key is still valid.
fn life(validity: Duration) -> u64 {
    u64::try_from(validity.saturating_add(GRACE).as_millis()).unwrap_or(u64::MAX)
}

/// A late commit still counts if no other call claimed the message.
const GRACE: Duration = Duration::from_secs(60);

/// Timeout of a call, a new connection and the loading of a script included.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// The server holds a value that this store does not write.
#[derive(Debug, thiserror::Error)]
#[error("the claim is none of fresh, in flight and done")]
struct UnknownState;
