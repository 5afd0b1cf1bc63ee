//! Conversions between columns and types, for any SQL store.

use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

/// A column holds a value that this version does not write. The error names the column, not its
/// value.
#[derive(Debug, thiserror::Error)]
#[error("the column {column} holds an unexpected value")]
struct UnreadableColumn {
    column: &'static str,
}

pub(crate) fn unreadable(column: &'static str) -> StoreError {
    StoreError::corrupt(UnreadableColumn { column })
}

/// Integers in SQL are signed: the last 292 million years of a `u64` become one time.
pub(crate) fn to_column(time: UnixMillis) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn time(column: &'static str, value: i64) -> Result<UnixMillis, StoreError> {
    let millis = u64::try_from(value).map_err(|_negative| unreadable(column))?;
    Ok(UnixMillis::from_millis(millis))
}

pub(crate) fn optional_time(
    column: &'static str,
    value: Option<i64>,
) -> Result<Option<UnixMillis>, StoreError> {
    value.map(|value| time(column, value)).transpose()
}

pub(crate) fn count(column: &'static str, value: i64) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_negative| unreadable(column))
}
