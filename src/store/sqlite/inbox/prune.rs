//! Deleting finished messages after their retention.

use std::num::NonZeroU16;

use sqlx::{SqliteConnection, SqliteExecutor};

use super::sql::{DELETE_KEYS, DELETE_MESSAGES, SELECT_FINISHED};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::store::sql::columns::to_column;
use crate::store::sqlite::error::store_error;

/// Returns the numbers of finished messages whose keys are free.
pub(super) async fn select(
    conn: impl SqliteExecutor<'_>,
    source: &str,
    before: UnixMillis,
    now: UnixMillis,
    max: NonZeroU16,
) -> Result<Vec<i64>, StoreError> {
    sqlx::query_scalar(SELECT_FINISHED)
        .bind(source)
        .bind(to_column(before))
        .bind(to_column(now))
        .bind(max.get())
        .fetch_all(conn)
        .await
        .map_err(store_error)
}

/// Deletes messages with their keys.
pub(super) async fn delete(
    conn: &mut SqliteConnection,
    messages: &[i64],
) -> Result<(), StoreError> {
    // Numbers cannot fail to serialize.
    let messages = serde_json::to_string(messages).unwrap_or_default();
    for statement in [DELETE_KEYS, DELETE_MESSAGES] {
        sqlx::query(statement)
            .bind(&messages)
            .execute(&mut *conn)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}
