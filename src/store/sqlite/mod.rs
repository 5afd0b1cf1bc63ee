//! The ports on SQLite, for one machine: no server, one file.
//!
//! # How the file is used
//!
//! * The log is a write-ahead log with `synchronous=FULL`: acknowledged writes survive a power cut, not
//!   only a crash of the process.
//! * Every write is one `BEGIN IMMEDIATE` transaction, which takes the write lock first and waits for
//!   another writer. A transaction that reads before it writes would fail at once instead, whatever
//!   the timeout.
//! * Within one store the writers share one connection, in order of arrival. A write that cannot begin
//!   within 5 s, the wait for the connection included, fails as
//!   [unavailable](StoreError::is_unavailable). Several processes may share the file; it must not lie
//!   on a network file system.
//! * The names of all tables begin with `tas_`. Each port has a version table of its own,
//!   `tas_migrations_<port>`, so that an application's own sqlx migrations can use the same file.
//!
//! # Failures
//!
//! * After a full disk or an I/O error the store continues as soon as there is room.
//! * Opening waits as a write does: several processes may create one new file at once.
//! * The first call that emits, pings or leases checks the tables named `tas_…` for damaged pages. The
//!   call waits for at most 1 s; the check of a large file continues in the background. Damage that
//!   the check or a worker's statement finds is logged as an error, once. From then on
//!   [`ping`](crate::send::outbox::OutboxStore::ping) reports it and no event is stored
//!   ([`StoreError::is_corrupt`]) until the store is opened again.
//!   [`emit_in`](crate::send::outbox::Emitter::emit_in) writes to the caller's connection, without this
//!   check.
//!
//! The file does not shrink when old events are [deleted](crate::send::outbox::OutboxStore::prune):
//! later events use their room.
//!
//! # Security
//!
//! Endpoints' secrets and private signing keys are stored in plain text: anyone who can read the file
//! can sign. The columns beside the secrets name the key of an encrypted secret. This version cannot decrypt, and refuses such a
//! secret as corrupt.
//!
//! On Unix only the owner can read and write a file that the store creates (mode 0600), and the `-wal`
//! and `-shm` files beside it. The mode of an existing file, and of the files of
//! [`from_pool`](SqliteStore::from_pool), does not change.

mod connect;
mod dedupe;
mod dialect;
mod endpoints;
mod error;
mod inbox;
mod integrity;
mod keys;
mod migrate;
mod mirror;
mod outbox;
mod write;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use tokio::sync::Mutex;

use self::integrity::Integrity;
use self::write::Write;

use crate::base::entropy::{Entropy, SystemEntropy};
use crate::base::error::StoreError;
use crate::queue::QueueNotify;
use crate::store::sql::statement::Statement;

/// The ports on one SQLite database. Copies are cheap and share the connections.
///
/// ```
/// use tower_auth_sync::mirror::TablePrefix;
/// use tower_auth_sync::outbox::Emitter;
/// use tower_auth_sync::store::sqlite::SqliteStore;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = SqliteStore::open("auth-sync.db").await?;
/// let emitter = Emitter::new(store.clone());
/// let dedupe = store.dedupe("crm")?;
/// let inbox = store.inbox("crm")?;
/// let mirror = store.mirror(TablePrefix::default()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
    entropy: Arc<dyn Entropy>,
}

struct Inner {
    writer: SqlitePool,
    reader: SqlitePool,
    /// Held through each write transaction.
    turn: Mutex<()>,
    integrity: Integrity,
    signal: QueueNotify,
    fan_out: outbox::FanOut,
    inbox_signal: QueueNotify,
}

impl SqliteStore {
    /// Opens the database of `address`, creates it if it is missing, and migrates its tables.
    ///
    /// `address` is a `sqlite:` URL (`sqlite://auth-sync.db` in the working directory,
    /// `sqlite:///var/lib/app/auth-sync.db`, `sqlite::memory:` for a database that ends with the
    /// store) or a plain path.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_address`] if the place cannot hold a database: a URL of another kind, a
    /// directory, a file that is no database or cannot be opened, a missing parent directory (the cause
    /// names the path), and a URL with `mode=ro` or `immutable`, because a store must write;
    /// [`StoreError::is_corrupt`] if the file's list of tables is damaged; otherwise as for
    /// [`migrate`](Self::migrate).
    pub async fn connect(address: &str) -> Result<Self, StoreError> {
        Self::open_with(connect::parse(address)?).await
    }

    /// Opens the database in the file at `path`, creates it if it is missing, and migrates its tables.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(connect::file(path.as_ref())).await
    }

    async fn open_with(target: connect::Target) -> Result<Self, StoreError> {
        let (writer, reader) = connect::open(target).await?;
        let store = Self::new(writer, reader);
        store.migrate().await?;
        Ok(store)
    }

    /// Uses the connections of an application's own pool.
    ///
    /// The tables are not changed: call [`migrate`](Self::migrate) once at the start. The pool's
    /// connections should have `journal_mode=WAL`, `synchronous=FULL`, `foreign_keys=ON` and a busy
    /// timeout of some seconds.
    ///
    /// ```
    /// use tower_auth_sync::store::sqlite::SqliteStore;
    ///
    /// # async fn example(pool: sqlx::SqlitePool) -> Result<(), tower_auth_sync::StoreError> {
    /// let store = SqliteStore::from_pool(pool);
    /// store.migrate().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn from_pool(pool: SqlitePool) -> Self {
        Self::new(pool.clone(), pool)
    }

    fn new(writer: SqlitePool, reader: SqlitePool) -> Self {
        Self {
            inner: Arc::new(Inner {
                writer,
                reader,
                turn: Mutex::new(()),
                integrity: Integrity::default(),
                signal: QueueNotify::new(),
                fan_out: outbox::FanOut::default(),
                inbox_signal: QueueNotify::new(),
            }),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// Sets the source of the randomness in ids. Default: [`SystemEntropy`].
    #[must_use]
    pub fn with_entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Creates or migrates the tables of every port. Repeated and concurrent calls are allowed.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_future_migration`] if a newer version of this crate changed the tables (the
    /// cause names the versions), [`StoreError::is_migration`] if a table cannot be created or changed,
    /// [`StoreError::is_unavailable`] if the database is locked, full or read-only (the cause names the
    /// remedy).
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate_port(&outbox::DELIVERY).await?;
        self.migrate_port(&dedupe::DEDUPE).await?;
        self.migrate_port(&inbox::INBOX).await?;
        self.migrate_port(&keys::KEYS).await?;
        // Migrations only read existing tables.
        self.check_writable().await
    }

    /// Closes all connections, after the calls that use them.
    pub async fn close(&self) {
        self.inner.writer.close().await;
        self.inner.reader.close().await;
    }

    /// Remembers a damaged database, if `result` reports one.
    pub(crate) fn note_damage<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.inspect_err(|error| self.inner.integrity.note(error))
    }

    /// Returns the connections for reading.
    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.inner.reader
    }

    /// Begins a write transaction, after the other writers of this store.
    pub(crate) async fn write(&self) -> Result<Write<'_>, StoreError> {
        with_busy_timeout(self.begin()).await
    }

    /// Changes what a lease holds, in a transaction of its own.
    pub(crate) async fn change_leased(&self, change: Statement) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        change.execute_under_lease(write.conn()).await?;
        write.commit().await
    }

    async fn begin(&self) -> Result<Write<'_>, StoreError> {
        let turn = self.inner.turn.lock().await;
        Write::begin(&self.inner.writer, turn).await
    }
}

/// Applies one timeout to all parts of a wait for other writers. While another process holds the file,
/// later writers would otherwise wait for the timeout of the first one and then for their own.
async fn with_busy_timeout<T>(
    wait: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(BUSY_TIMEOUT, wait)
        .await
        .map_err(|_elapsed| StoreError::unavailable(Busy))?
}

/// A write could not begin before the timeout.
#[derive(Debug, thiserror::Error)]
#[error("the database was busy with other writes for {} s", BUSY_TIMEOUT.as_secs())]
struct Busy;

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.inner.writer.connect_options();
        f.debug_struct("SqliteStore")
            .field("path", &path.get_filename())
            .finish_non_exhaustive()
    }
}

/// Timeout of a write's wait for other writers, in this process and in others.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
