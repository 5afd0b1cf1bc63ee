//! The dedupe port and the inbox on PostgreSQL, for receivers on many machines.
//!
//! Each call is one statement, at most two, in a transaction of its own. All tables are named `tas_…` and lie in
//! the first schema of the search path. Each port keeps the versions of its tables in a table of its
//! own, `tas_migrations_<port>`, so that an application's own sqlx migrations may live in the same
//! database.
//!
//! `AnyStore` does not open `postgres:` URLs: there is no delivery store on PostgreSQL yet.

mod dedupe;
mod error;
mod inbox;
mod migrate;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use self::error::connect_error;
use crate::base::error::StoreError;
use crate::queue::QueueNotify;

/// The dedupe port and the inbox on one PostgreSQL database, version 12 or later. Copies are cheap and share the
/// connections.
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
    inbox_signal: QueueNotify,
}

impl PostgresStore {
    /// Connects to the database that `url` names, with at most 10 connections, and brings its tables
    /// up to date.
    ///
    /// Takes what sqlx takes: `postgres://user:password@host:5432/database?sslmode=verify-full`.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_address`] for a URL of another kind, a database that does not exist and a
    /// user who may not enter; otherwise as for [`migrate`](Self::migrate).
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(StoreError::address(UnknownAddress));
        }
        let options = PgConnectOptions::from_str(url).map_err(connect_error)?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(connect_error)?;
        let store = Self::from_pool(pool);
        store.migrate().await?;
        Ok(store)
    }

    /// Uses the connections of an application's own pool.
    ///
    /// The tables are not touched: call [`migrate`](Self::migrate) once at the start. What takes
    /// longer than 5 s, the wait for a connection included, counts as an outage to a receiver and to
    /// an inbox's worker, whatever the pool's own limit; other calls wait for as long as that.
    #[must_use]
    pub fn from_pool(pool: PgPool) -> Self {
        Self {
            pool,
            inbox_signal: QueueNotify::new(),
        }
    }

    /// Makes the tables of every port, or brings them up to date. May be called again, and by
    /// several processes at once: they take turns by an advisory lock.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_future_migration`] if a newer version of this crate has been here (the
    /// cause names the versions), [`StoreError::is_migration`] if a table cannot be made or
    /// changed, [`StoreError::is_unavailable`] if the server does not answer.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate_port(&dedupe::DEDUPE).await?;
        self.migrate_port(&inbox::INBOX).await?;
        Ok(())
    }

    /// Closes all connections; waits for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = self.pool.connect_options();
        f.debug_struct("PostgresStore")
            .field("host", &options.get_host())
            .field("database", &options.get_database())
            .finish_non_exhaustive()
    }
}

/// The address is of a kind that the PostgreSQL store does not take.
#[derive(Debug, thiserror::Error)]
#[error("a PostgreSQL store is named by a `postgres://` URL, not by this address")]
struct UnknownAddress;

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Claims are short: more connections only cost the server memory.
const CONNECTIONS: u32 = 10;

/// How long a call waits for a connection: less than a receiver waits for its store.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
