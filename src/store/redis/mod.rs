//! The dedupe port on Redis, for receivers on many machines.
//!
//! # What the server must promise
//!
//! * `maxmemory-policy noeviction`: a message that is evicted is handled again when it comes again.
//! * What a crash of the server, or a failover to a replica that lags behind, forgets was not handled
//!   as far as this store knows. Where that matters use a database that writes before it answers.
//! * It is one server, with or without replicas, not a cluster. Redis 6 or later, or Valkey.
//!
//! All keys begin with `tas:dedupe:`. Each expires by itself.

mod connect;
mod dedupe;
mod error;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use redis::aio::ConnectionManager;

use self::dedupe::Scripts;
use crate::base::error::StoreError;
use crate::receive::dedupe::{Dedupe, InvalidSource};

/// The dedupe port on one Redis server. Copies are cheap and share one connection.
#[derive(Clone)]
pub struct RedisStore {
    connection: ConnectionManager,
    scripts: Arc<Scripts>,
}

impl RedisStore {
    /// Connects to the server that `url` names: `redis://:password@host:6379/0`, or
    /// `redis+unix:///run/redis.sock`.
    ///
    /// A connection that breaks is opened again. While the server is away each call fails: at once
    /// where the connection is refused, after 2 s at most where nothing answers.
    ///
    /// For `rediss://` (TLS) a program adds the crate `redis` with its feature `tokio-rustls-comp`
    /// to its own dependencies.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_address`] for a URL of another kind and for a password that is refused,
    /// [`StoreError::is_unavailable`] if the server does not answer.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let store = Self {
            connection: connect::connection(url)?,
            scripts: Arc::new(Scripts::new()),
        };
        store.load_scripts().await?;
        Ok(store)
    }

    /// Creates the handle that [`VerifyWebhookLayer::with_dedupe`] takes, for the receiver named
    /// `source`.
    ///
    /// [`VerifyWebhookLayer::with_dedupe`]: crate::receive::verify::VerifyWebhookLayer::with_dedupe
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless the name has 1 to 128 printable ASCII characters without spaces.
    pub fn dedupe(&self, source: &str) -> Result<Dedupe, InvalidSource> {
        Dedupe::new(self.clone(), source)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisStore(..)")
    }
}
