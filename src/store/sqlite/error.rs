//! Failures of the driver, as errors of the store.

use crate::base::error::StoreError;

/// Classifies a failure of the driver by its remedy.
pub(crate) fn store_error(cause: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    match &cause {
        E::Database(_) => match primary_code(&cause) {
            Some(CORRUPT | CONSTRAINT | MISMATCH | NOT_A_DATABASE) => StoreError::corrupt(cause),
            Some(READ_ONLY) => StoreError::unavailable(ReadOnlyDatabase(cause)),
            // The statement does not fit the tables: they were never created, or were changed.
            Some(ERROR) => StoreError::migration(cause),
            _ => StoreError::unavailable(cause),
        },
        E::ColumnDecode { .. } | E::Decode(_) | E::ColumnNotFound(_) | E::RowNotFound => {
            StoreError::corrupt(cause)
        }
        _ => StoreError::unavailable(cause),
    }
}

/// Returns whether a retry to open the same path is useless.
pub(super) fn is_unopenable(cause: &sqlx::Error) -> bool {
    matches!(primary_code(cause), Some(PERM | CANT_OPEN | NOT_A_DATABASE))
        || matches!(cause, sqlx::Error::Configuration(_))
}

/// The store cannot write to the database.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database is read-only: open it without `mode=ro` and `immutable`, and let this process write \
     to its file and directory"
)]
struct ReadOnlyDatabase(#[source] sqlx::Error);

/// Returns whether the file is damaged, not just a row.
pub(super) fn is_damage(cause: &sqlx::Error) -> bool {
    matches!(primary_code(cause), Some(CORRUPT | NOT_A_DATABASE))
}

/// Returns whether another process had the lock at that moment.
pub(super) fn is_busy(cause: &sqlx::Error) -> bool {
    matches!(primary_code(cause), Some(BUSY | PROTOCOL))
}

/// Returns whether a `ROLLBACK` failed because no transaction was open.
pub(super) fn is_without_transaction(cause: &sqlx::Error) -> bool {
    primary_code(cause) == Some(ERROR)
}

/// Returns the low byte of SQLite's result code, without the details in the upper ones.
fn primary_code(cause: &sqlx::Error) -> Option<u32> {
    let code = cause.as_database_error()?.code()?;
    Some(code.parse::<u32>().ok()? & 0xff)
}

// <https://sqlite.org/rescode.html>
const ERROR: u32 = 1;
const PERM: u32 = 3;
const BUSY: u32 = 5;
const READ_ONLY: u32 = 8;
const CORRUPT: u32 = 11;
const CANT_OPEN: u32 = 14;
const PROTOCOL: u32 = 15;
const CONSTRAINT: u32 = 19;
const MISMATCH: u32 = 20;
const NOT_A_DATABASE: u32 = 26;
