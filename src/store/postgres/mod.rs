//! The dedupe port, the inbox and the signing keys on PostgreSQL, for many machines.
//!
//! Each call is a few statements at most, each in a transaction of its own. The names of all tables
//! begin with `tas_`, and the tables lie in the first schema of the search path. Each port has a version
//! table of its own, `tas_migrations_<port>`, so that an application's own sqlx migrations can use the
//! same database.
//!
//! # Security
//!
//! Private signing keys are stored in plain text: anyone who can read the table `tas_keys` can sign.
//!
//! `AnyStore` does not open `postgres:` URLs: there is no delivery store on PostgreSQL yet.

mod dedupe;
mod dialect;
mod error;
mod inbox;
mod keys;
mod migrate;

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use self::error::connect_error;
use crate::base::error::StoreError;
use crate::queue::QueueNotify;

/// The dedupe port, the inbox and the signing keys on one PostgreSQL database, version 12 or later.
///
/// Copies are cheap and share the connections.
///
/// ```
/// use tower_auth_sync::store::postgres::PostgresStore;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = PostgresStore::connect("postgres://app@localhost/app").await?;
/// let dedupe = store.dedupe("crm")?;
/// let inbox = store.inbox("crm")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
    inbox_signal: QueueNotify,
}

impl PostgresStore {
    /// Connects to the database of `url`, with at most 10 connections, and migrates its tables.
    ///
    /// `url` has the form of sqlx: `postgres://user:password@host:5432/database?sslmode=verify-full`.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_address`] for a URL of another kind, a database that does not exist, and a user
    /// without access; otherwise as for [`migrate`](Self::migrate).
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(StoreError::address(NotPostgresAddress));
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
    /// The tables are not changed: call [`migrate`](Self::migrate) once at the start. A receiver and an
    /// inbox's worker treat a call of more than 5 s, the wait for a connection included, as an outage,
    /// whatever the pool's own timeout. Other calls wait for the pool's timeout.
    ///
    /// ```
    /// use tower_auth_sync::store::postgres::PostgresStore;
    ///
    /// # async fn example(pool: sqlx::PgPool) -> Result<(), tower_auth_sync::StoreError> {
    /// let store = PostgresStore::from_pool(pool);
    /// store.migrate().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn from_pool(pool: PgPool) -> Self {
        Self {
            pool,
            inbox_signal: QueueNotify::new(),
        }
    }

    /// Creates or migrates the tables of every port. Repeated and concurrent calls are allowed: an
    /// advisory lock serializes the processes.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_future_migration`] if a newer version of this crate changed the tables (the
    /// cause names the versions), [`StoreError::is_migration`] if a table cannot be created or changed,
    /// [`StoreError::is_unavailable`] if the server does not respond.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate_port(&dedupe::DEDUPE).await?;
        self.migrate_port(&inbox::INBOX).await?;
        self.migrate_port(&keys::KEYS).await?;
        Ok(())
    }

    /// Closes all connections, after the calls that use them.
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

/// The address names no PostgreSQL database.
#[derive(Debug, thiserror::Error)]
#[error("a PostgreSQL store needs a `postgres://` URL, not this address")]
struct NotPostgresAddress;

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Claims are short: more connections would only cost the server memory.
const CONNECTIONS: u32 = 10;

/// Timeout of the wait for a connection, less than a receiver's timeout for its store.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests;
