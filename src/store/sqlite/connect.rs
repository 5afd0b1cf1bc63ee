//! Opening a database.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::error::{is_busy, is_damage, is_unopenable, store_error};
use super::{BUSY_TIMEOUT, with_busy_timeout};
use crate::base::error::StoreError;

/// A database to open.
pub(super) struct Target {
    options: SqliteConnectOptions,
    kind: DatabaseKind,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum DatabaseKind {
    /// Created if it is missing.
    File,
    Memory,
}

/// Reads a `sqlite:` URL or a path.
pub(super) fn parse(address: &str) -> Result<Target, StoreError> {
    if !address.starts_with(SCHEME) {
        if address.is_empty() || address.contains("://") || address == MEMORY {
            return Err(StoreError::address(NotSqliteAddress));
        }
        return Ok(file(Path::new(address)));
    }
    let options = SqliteConnectOptions::from_str(address).map_err(StoreError::address)?;
    let kind = kind(address)?;
    Ok(Target { options, kind })
}

/// Reads the parts of a `sqlite:` URL that the parsed options do not show.
fn kind(url: &str) -> Result<DatabaseKind, StoreError> {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let place = place.trim_start_matches(SCHEME);
    let has = |name: &str, values: &[&str]| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.any(|(key, value)| key == name && values.contains(&&*value))
    };
    if has("mode", &["ro"]) || has("immutable", &["1", "true"]) {
        return Err(StoreError::address(ReadOnlyAddress));
    }
    if place.trim_start_matches("//") == MEMORY || has("mode", &["memory"]) {
        return Ok(DatabaseKind::Memory);
    }
    Ok(DatabaseKind::File)
}

pub(super) fn file(path: &Path) -> Target {
    Target {
        options: SqliteConnectOptions::new().filename(path),
        kind: DatabaseKind::File,
    }
}

/// Opens the connections for writing and for reading.
pub(super) async fn open(target: Target) -> Result<(SqlitePool, SqlitePool), StoreError> {
    if target.kind == DatabaseKind::File {
        create_private(target.options.get_filename());
    }
    let options = target
        .options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("cache_size", PAGE_CACHE)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES);
    let writer = with_busy_timeout(open_writer(&options)).await?;
    if target.kind == DatabaseKind::Memory {
        // A second connection would open a second database.
        return Ok((writer.clone(), writer));
    }
    let reader = SqlitePoolOptions::new()
        .max_connections(READERS)
        .test_before_acquire(false)
        .connect_lazy_with(options);
    Ok((writer, reader))
}

/// Opens the first connection, which switches a new file to the write-ahead log. If several processes
/// do that at once, SQLite refuses all but one without a wait.
async fn open_writer(options: &SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    loop {
        match one_connection().connect_with(options.clone()).await {
            Err(cause) if is_busy(&cause) => tokio::time::sleep(BETWEEN_TRIES).await,
            opened => {
                let path = options.get_filename();
                return opened.map_err(|cause| open_error(path.to_path_buf(), cause));
            }
        }
    }
}

/// Creates a missing file that only its owner can read, because it holds secrets. SQLite gives the
/// `-wal` and `-shm` files the same mode, and treats an empty file as an empty database.
///
/// A failure is ignored: SQLite then meets the same one and reports it.
#[cfg(unix)]
fn create_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut new = std::fs::OpenOptions::new();
    let created = new.write(true).create_new(true).mode(PRIVATE).open(path);
    drop(created);
}

/// A new file inherits its access rights from the directory.
#[cfg(not(unix))]
fn create_private(_path: &Path) {}

/// Returns a pool whose only connection lives as long as the pool. A database in memory ends with the
/// connection, and one on disk keeps its caches warm.
fn one_connection() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn open_error(path: PathBuf, cause: sqlx::Error) -> StoreError {
    let new_error = if is_unopenable(&cause) {
        StoreError::address
    } else if is_damage(&cause) {
        StoreError::corrupt
    } else {
        return store_error(cause);
    };
    new_error(CannotOpen { path, cause })
}

/// The address names no SQLite database.
#[derive(Debug, thiserror::Error)]
#[error(
    "a SQLite store needs a path, `sqlite://` and a path, or `sqlite::memory:`, not this address"
)]
struct NotSqliteAddress;

/// The address requests a read-only database.
#[derive(Debug, thiserror::Error)]
#[error("a store must write: remove `mode=ro` and `immutable` from its address")]
struct ReadOnlyAddress;

/// The path holds no usable database, and none can be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {} as a SQLite database", path.display())]
struct CannotOpen {
    path: PathBuf,
    #[source]
    cause: sqlx::Error,
}

const SCHEME: &str = "sqlite:";

/// Pause between tries, as SQLite's own wait for a lock. A switch takes a few milliseconds.
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// SQLite's own name. Without `sqlite:` before it, it would be the path of a file.
const MEMORY: &str = ":memory:";

/// Only the owner can read and write.
#[cfg(unix)]
const PRIVATE: u32 = 0o600;

/// Reads are short and few: more connections would only cost memory.
const READERS: u32 = 4;

/// 16 MiB. They hold the indexes of some hundred thousand events; SQLite's default of 2 MB does not.
const PAGE_CACHE: &str = "-16384";

/// 16 MiB: a page that many batches change is copied into the file once, not once for each batch.
const CHECKPOINT_PAGES: &str = "4096";
