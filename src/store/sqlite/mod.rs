//! The ports on SQLite, for one machine: no server, one file.
//!
//! # How the file is used
//!
//! * Write-ahead log with `synchronous=FULL`: what was acknowledged survives a power cut, not only
//!   a crash of the process.
//! * Every write is one `BEGIN IMMEDIATE` transaction. It asks for the write lock first, so that it
//!   waits behind another writer; a transaction that reads before it writes would be refused at once
//!   instead, however long the timeout.
//! * Within one store the writers take turns on one connection, in order of arrival. A write that
//!   cannot begin within 5 s, waiting for its turn included, fails as
//!   [unavailable](StoreError::is_unavailable). Several processes may share the file; it must not lie
//!   on a network file system.
//! * All tables are named `tas_…`. Each port keeps the versions of its tables in a table of its
//!   own, `tas_migrations_<port>`, so that an application's own sqlx migrations may live in the
//!   same file.
//!
//! # When something fails
//!
//! * After a full disk or an I/O error the store goes on as soon as there is room again.
//! * Opening waits as a write does: several processes may make one new file at once.
//! * The first call of a store that emits, pings or leases looks through the tables named `tas_…`
//!   for damaged pages. It waits 1 s for that at most; a large file is looked through beside the
//!   work. Damage that this look or a worker's statement meets is logged as an error, once; from then
//!   on [`ping`](crate::send::outbox::OutboxStore::ping) says so and no event is taken
//!   ([`StoreError::is_corrupt`]) until the store is opened again.
//!   [`emit_in`](crate::send::outbox::Emitter::emit_in) writes to a connection of the caller's and does
//!   not know of it.
//!
//! The file does not shrink when old events are [deleted](crate::send::outbox::OutboxStore::prune): later
//! ones take their room.
//!
//! # Security
//!
//! Endpoints' secrets are stored as they are: whoever can read the file can sign. The columns beside
//! them name the key of an encrypted one; a secret that has such a key is refused as corrupt by this
//! version, which cannot decrypt.
//!
//! On Unix a file that the store makes may be read and written by its owner only (mode 0600), and so
//! may the `-wal` and `-shm` files beside it. The mode of a file that exists, and whatever
//! [`from_pool`](SqliteStore::from_pool) opens, is left as it is.

mod connect;
mod dedupe;
mod endpoints;
mod error;
mod inbox;
mod integrity;
mod migrate;
mod mirror;
mod outbox;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use tokio::sync::Mutex;

use self::integrity::Integrity;
use self::write::Write;

pub use self::mirror::SqliteMirror;
use crate::base::entropy::{Entropy, SystemEntropy};
use crate::base::error::StoreError;
use crate::queue::QueueNotify;

/// The ports on one SQLite database. Copies are cheap and share the connections.
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
    /// Opens the database that `address` names, makes it if it is missing, and brings its tables
    /// up to date.
    ///
    /// Takes `sqlite:` URLs (`sqlite://auth-sync.db` in the working directory,
    /// `sqlite:///var/lib/app/auth-sync.db`, `sqlite::memory:` for a database that ends with the
    /// store) and plain paths.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_address`] if there can be no database at this place: a URL of another
    /// kind, a directory, a file that is not a database or may not be opened, a missing parent
    /// directory (the cause names the path), and if the URL says `mode=ro` or `immutable`, since a
    /// store has to write; [`StoreError::is_corrupt`] if the file is damaged where its tables are
    /// listed; otherwise as for [`migrate`](Self::migrate).
    pub async fn connect(address: &str) -> Result<Self, StoreError> {
        Self::open_with(connect::parse(address)?).await
    }

    /// Opens the database in the file at `path`, makes it if it is missing, and brings its tables
    /// up to date.
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
    /// The tables are not touched: call [`migrate`](Self::migrate) once at the start. The pool's
    /// connections should have `journal_mode=WAL`, `synchronous=FULL`, `foreign_keys=ON` and a busy
    /// timeout of some seconds.
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

    /// Sets where the randomness of ids comes from. Default: [`SystemEntropy`].
    #[must_use]
    pub fn with_entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Makes the tables of every port, or brings them up to date. May be called again, and by
    /// several processes at once.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_future_migration`] if a newer version of this crate has been here (the
    /// cause names the versions), [`StoreError::is_migration`] if a table cannot be made or
    /// changed, [`StoreError::is_unavailable`] if the database is locked, full or read-only (the
    /// cause says what to change).
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate_port(&outbox::DELIVERY).await?;
        self.migrate_port(&dedupe::DEDUPE).await?;
        self.migrate_port(&inbox::INBOX).await?;
        // Tables that are there already were only read.
        self.write_nothing().await
    }

    /// Closes all connections; waits for those in use.
    pub async fn close(&self) {
        self.inner.writer.close().await;
        self.inner.reader.close().await;
    }

    /// Remembers a damaged database.
    pub(crate) fn noting<T>(&self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        done.inspect_err(|error| self.inner.integrity.note(error))
    }

    /// Connections for reading.
    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.inner.reader
    }

    /// Waits for this store's turn to write and begins a transaction.
    pub(crate) async fn write(&self) -> Result<Write<'_>, StoreError> {
        in_time(self.begin()).await
    }

    async fn begin(&self) -> Result<Write<'_>, StoreError> {
        let turn = self.inner.turn.lock().await;
        Write::begin(&self.inner.writer, turn).await
    }
}

/// Bounds a wait for other writers, all its parts together: while another process holds the file,
/// those behind the first in line would otherwise wait for its limit and then for their own.
async fn in_time<T>(wait: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(BUSY_TIMEOUT, wait)
        .await
        .map_err(|_elapsed| StoreError::unavailable(Busy))?
}

/// A write could not begin in time.
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

/// How long a write waits behind others, in this process and in others.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
