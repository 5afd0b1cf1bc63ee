//! The dedupe port on Redis, for receivers on many machines.
//!
//! # Deployment caveats
//!
//! * The server needs `maxmemory-policy noeviction`: after an eviction a duplicate of the message is
//!   handled again.
//! * A crash of the server, or a failover to a replica that lags behind, may lose claims: duplicates of
//!   those messages are handled again. Where that matters, use a database that writes before it
//!   responds.
//! * The store needs one server, with or without replicas, not a cluster. Redis 6 or later, or Valkey.
//!
//! All keys begin with `tas:dedupe:` and expire by themselves.

mod connect;
mod dedupe;
mod error;
mod lua;

use std::fmt;
use std::sync::Arc;

use redis::aio::ConnectionManager;

use self::lua::Scripts;
use crate::base::error::StoreError;
use crate::receive::dedupe::{Dedupe, InvalidSource};

/// The dedupe port on one Redis server. Copies are cheap and share one connection.
///
/// ```
/// use tower_auth_sync::store::redis::RedisStore;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = RedisStore::connect("redis://localhost:6379/0").await?;
/// let dedupe = store.dedupe("crm")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore {
    connection: ConnectionManager,
    scripts: Arc<Scripts>,
}

impl RedisStore {
    /// Connects to the server of `url`: `redis://:password@host:6379/0`, or
    /// `redis+unix:///run/redis.sock`.
    ///
    /// A broken connection is opened again. While the server is down each call fails: at once if the
    /// connection is refused, after at most 2 s if there is no response.
    ///
    /// `rediss://` (TLS) needs the crate `redis` with its feature `tokio-rustls-comp` in the program's
    /// own dependencies.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_address`] for a URL of another kind and for a refused password,
    /// [`StoreError::is_unavailable`] if the server does not respond.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let store = Self {
            connection: connect::connection(url)?,
            scripts: Arc::new(Scripts::new()),
        };
        store.load_scripts().await?;
        Ok(store)
    }

    /// Creates the dedupe handle of `source`, for [`VerifyWebhookLayer::with_dedupe`].
    ///
    /// [`VerifyWebhookLayer::with_dedupe`]: crate::receive::verify::VerifyWebhookLayer::with_dedupe
    ///
    /// ```
    /// use tower_auth_sync::store::redis::RedisStore;
    /// use tower_auth_sync::verify::VerifyWebhookLayer;
    ///
    /// # fn example(
    /// #     store: RedisStore,
    /// #     layer: VerifyWebhookLayer,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = layer.with_dedupe(store.dedupe("crm")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless `source` has 1 to 128 printable ASCII characters without spaces.
    pub fn dedupe(&self, source: &str) -> Result<Dedupe, InvalidSource> {
        Dedupe::new(self.clone(), source)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisStore(..)")
    }
}

#[cfg(test)]
mod tests;
