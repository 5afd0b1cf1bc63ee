//! What a failure of the driver means for the caller.

use crate::base::error::StoreError;

/// Sorts a failure of the driver by what can be done about it.
pub(super) fn store_error(cause: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    match &cause {
        E::Database(_) => match class(&cause).as_deref() {
            Some(DATA | CONSTRAINT) => StoreError::corrupt(cause),
            // A statement that does not fit the tables: they were never made, or were changed.
            Some(SYNTAX_OR_NAME | SCHEMA) => StoreError::migration(cause),
            _ => StoreError::unavailable(cause),
        },
        E::ColumnDecode { .. } | E::Decode(_) | E::ColumnNotFound(_) | E::RowNotFound => {
            StoreError::corrupt(cause)
        }
        _ => StoreError::unavailable(cause),
    }
}

/// Sorts a failure of the first connection: what the address has wrong will not mend by itself.
pub(super) fn connect_error(cause: sqlx::Error) -> StoreError {
    let is_address = matches!(cause, sqlx::Error::Configuration(_))
        || matches!(class(&cause).as_deref(), Some(AUTHORIZATION | DATABASE));
    if is_address {
        StoreError::address(cause)
    } else {
        store_error(cause)
    }
}

pub(super) fn code(cause: &sqlx::Error) -> Option<String> {
    Some(cause.as_database_error()?.code()?.into_owned())
}

fn class(cause: &sqlx::Error) -> Option<String> {
    Some(code(cause)?.get(..2)?.to_owned())
}

// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const DATA: &str = "22";
const CONSTRAINT: &str = "23";
const AUTHORIZATION: &str = "28";
const DATABASE: &str = "3D";
const SCHEMA: &str = "3F";
const SYNTAX_OR_NAME: &str = "42";
