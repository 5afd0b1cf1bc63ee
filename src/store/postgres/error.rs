//! Failures of the driver, as errors of the store.

use crate::base::error::StoreError;

/// Classifies a failure of the driver by its remedy.
pub(super) fn store_error(cause: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    match &cause {
        E::Database(_) => match class(&cause).as_deref() {
            Some(DATA | CONSTRAINT) => StoreError::corrupt(cause),
            // The statement does not fit the tables: they were never created, or were changed.
            Some(SYNTAX_OR_NAME | SCHEMA) => StoreError::migration(cause),
            _ => StoreError::unavailable(cause),
        },
        E::ColumnDecode { .. } | E::Decode(_) | E::ColumnNotFound(_) | E::RowNotFound => {
            StoreError::corrupt(cause)
        }
        _ => StoreError::unavailable(cause),
    }
}

/// Classifies a failure of the first connection. A retry does not repair a wrong address.
pub(super) fn connect_error(cause: sqlx::Error) -> StoreError {
    let is_address = matches!(cause, sqlx::Error::Configuration(_))
        || matches!(class(&cause).as_deref(), Some(AUTHORIZATION | DATABASE));
    if is_address {
        StoreError::address(cause)
    } else {
        store_error(cause)
    }
}

fn class(cause: &sqlx::Error) -> Option<String> {
    Some(cause.as_database_error()?.code()?.get(..2)?.to_owned())
}

// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const DATA: &str = "22";
const CONSTRAINT: &str = "23";
const AUTHORIZATION: &str = "28";
const DATABASE: &str = "3D";
const SCHEMA: &str = "3F";
const SYNTAX_OR_NAME: &str = "42";
