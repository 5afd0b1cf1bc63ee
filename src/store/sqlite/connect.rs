//! From an address to connections.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::error::{is_busy, is_damage, is_unopenable, store_error};
use super::{BUSY_TIMEOUT, in_time};
use crate::base::error::StoreError;

/// A database that is to be opened.
pub(super) struct Target {
    options: SqliteConnectOptions,
    kind: Kind,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    /// Made if it is missing.
    File,
    Memory,
}

/// Reads a `sqlite:` URL or a path.
pub(super) fn parse(address: &str) -> Result<Target, StoreError> {
    if !address.starts_with(SCHEME) {
        if address.is_empty() || address.contains("://") || address == MEMORY {
            return Err(StoreError::address(UnknownAddress));
        }
        return Ok(file(Path::new(address)));
    }
    let options = SqliteConnectOptions::from_str(address).map_err(StoreError::address)?;
    let kind = kind(address)?;
    Ok(Target { options, kind })
}

/// Reads of a `sqlite:` URL what the parsed options do not tell.
fn kind(url: &str) -> Result<Kind, StoreError> {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let place = place.trim_start_matches(SCHEME);
    let says = |name: &str, values: &[&str]| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.any(|(key, value)| key == name && values.contains(&&*value))
    };
    if says("mode", &["ro"]) || says("immutable", &["1", "true"]) {
        return Err(StoreError::address(ReadOnly));
    }
    if place.trim_start_matches("//") == MEMORY || says("mode", &["memory"]) {
        return Ok(Kind::Memory);
    }
    Ok(Kind::File)
}

pub(super) fn file(path: &Path) -> Target {
    Target {
        options: SqliteConnectOptions::new().filename(path),
        kind: Kind::File,
    }
}

/// Opens the connections for writing and for reading.
pub(super) async fn open(target: Target) -> Result<(SqlitePool, SqlitePool), StoreError> {
    if target.kind == Kind::File {
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
    let writer = in_time(open_writer(&options)).await?;
    if target.kind == Kind::Memory {
        // Another connection would see another database.
        return Ok((writer.clone(), writer));
    }
    let reader = SqlitePoolOptions::new()
        .max_connections(READERS)
        .test_before_acquire(false)
        .connect_lazy_with(options);
    Ok((writer, reader))
}

/// Opens the first connection, which switches a new file to the write-ahead log. Where several
/// processes do that at once SQLite refuses all but one without waiting.
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

/// Makes the file, if it is missing, so that only its owner may read it: it holds secrets. SQLite
/// gives the files beside it the same mode, and an empty file is an empty database to it.
///
/// A failure is left to SQLite, which meets the same one and names it.
#[cfg(unix)]
fn create_private(path: &Path) {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut new = std::fs::OpenOptions::new();
    let made = new.write(true).create_new(true).mode(PRIVATE).open(path);
    drop(made);
}

/// Who may read a new file is inherited from its directory.
#[cfg(not(unix))]
fn create_private(_path: &Path) {}

/// A pool of one connection that lives as long as the pool: a database in memory ends with it, and
/// one on disk keeps its caches warm.
fn one_connection() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn open_error(path: PathBuf, cause: sqlx::Error) -> StoreError {
    let make = if is_unopenable(&cause) {
        StoreError::address
    } else if is_damage(&cause) {
        StoreError::corrupt
    } else {
        return store_error(cause);
    };
    make(CannotOpen { path, cause })
}

/// The address is of a kind that the SQLite store does not take.
#[derive(Debug, thiserror::Error)]
#[error(
    "a SQLite store is named by a path, by `sqlite://` and a path, or by `sqlite::memory:`, not by this address"
)]
struct UnknownAddress;

/// The address asks for a database that cannot be written to.
#[derive(Debug, thiserror::Error)]
#[error("a store has to write: take `mode=ro` and `immutable` out of its address")]
struct ReadOnly;

/// There is no usable database at the path, and none can be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {} as a SQLite database", path.display())]
struct CannotOpen {
    path: PathBuf,
    #[source]
    cause: sqlx::Error,
}

const SCHEME: &str = "sqlite:";

/// As SQLite waits for a lock: short against the few milliseconds of a switch.
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// SQLite's own name, without `sqlite:` before it: as a path it would be a file of this name.
const MEMORY: &str = ":memory:";

/// Read and written by the owner only.
#[cfg(unix)]
const PRIVATE: u32 = 0o600;

/// Reads are short and few; more connections only cost memory.
const READERS: u32 = 4;

/// 16 MiB, which hold the indexes of some hundred thousand events; SQLite's own 2 MB do not.
const PAGE_CACHE: &str = "-16384";

/// 16 MiB: a page that many batches touch is copied into the file once, not once for each.
const CHECKPOINT_PAGES: &str = "4096";
