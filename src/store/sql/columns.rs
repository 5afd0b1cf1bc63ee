//! From columns to types, and back, in any SQL store.

use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

/// A column that does not hold what this version writes into it. Names the column, not its content.
#[derive(Debug, thiserror::Error)]
#[error("the column {column} holds something else than expected")]
struct Unreadable {
    column: &'static str,
}

pub(crate) fn unreadable(column: &'static str) -> StoreError {
    StoreError::corrupt(Unreadable { column })
}

/// Integers in SQL are signed; the last 292 million years of what a `u64` can tell are one time.
pub(crate) fn to_column(time: UnixMillis) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// The latest date that a clock which is right can have given to something that lasts `longest`.
pub(crate) fn latest(now: UnixMillis, longest: std::time::Duration) -> i64 {
    to_column(now.saturating_add(longest))
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
