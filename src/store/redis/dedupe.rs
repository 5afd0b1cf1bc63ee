//! The dedupe port: a key per name of a message, one script per call.

use std::time::Duration;

use redis::{FromRedisValue, Script, ScriptInvocation};
use tokio::time::timeout;

use super::RedisStore;
use super::error::store_error;
use crate::clock::UnixMillis;
use crate::dedupe::{Claimed, DedupeStore, Key, Ticket};
use crate::store_error::StoreError;

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

    /// Runs the script that changes a claim that is held.
    async fn change(&self, change: &str, ticket: &Ticket, args: &[u64]) -> Result<(), StoreError> {
        let mut call = self.scripts.change.prepare_invoke();
        for name in names(ticket) {
            call.key(redis_key('m', name));
        }
        call.arg(change).arg(&ticket.token().to_be_bytes()[..]);
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
        ticket: &Ticket,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        let mut call = self.scripts.claim.prepare_invoke();
        for name in names(ticket) {
            call.key(redis_key('m', name));
        }
        if let Some(id) = ticket.id_key() {
            call.key(redis_key('i', id));
        }
        call.arg(names(ticket).count())
            .arg(&ticket.token().to_be_bytes()[..])
            .arg(&ticket.body().to_be_bytes()[..])
            .arg(now.as_millis())
            .arg(until.as_millis())
            .arg(life(until.saturating_since(now)))
            .arg(life(ticket.keep()));
        let (state, detail): (u8, u64) = self.run(&call).await?;
        let other_body = detail != 0;
        match state {
            0 => Ok(Claimed::Fresh { other_body }),
            1 => Ok(Claimed::InFlight {
                until: UnixMillis::from_millis(detail),
            }),
            2 => Ok(Claimed::Done { other_body }),
            _ => Err(StoreError::corrupt(UnknownState)),
        }
    }

    async fn renew(&self, ticket: &Ticket, until: UnixMillis) -> Result<(), StoreError> {
        self.change("renew", ticket, &[until.as_millis()]).await
    }

    async fn commit(&self, ticket: &Ticket, now: UnixMillis) -> Result<(), StoreError> {
        let until = now.saturating_add(ticket.keep()).as_millis();
        self.change("commit", ticket, &[until, life(ticket.keep())])
            .await
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), StoreError> {
        self.change("release", ticket, &[]).await
    }
}

fn names(ticket: &Ticket) -> impl Iterator<Item = Key> {
    [Some(ticket.key()), ticket.replay_key()]
        .into_iter()
        .flatten()
}

/// The names of messages and the ids that are not authentic are kept apart.
fn redis_key(kind: char, key: Key) -> Vec<u8> {
    let mut name = format!("tas:dedupe:{kind}:").into_bytes();
    name.extend_from_slice(key.as_bytes());
    name
}

/// How long the server keeps a key, in milliseconds. Whether it still means something is judged by
/// the time in it and the caller's clock.
fn life(meant: Duration) -> u64 {
    u64::try_from(meant.saturating_add(GRACE).as_millis()).unwrap_or(u64::MAX)
}

/// A commit that comes late still counts if nobody took the message over.
const GRACE: Duration = Duration::from_secs(60);

/// How long a call may take, a new connection and the loading of a script included.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// The script answered with something that it cannot answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer is none of fresh, in flight and done")]
struct UnknownState;
