//! Deleting finished events after their retention.

use std::num::NonZeroU16;

use sqlx::{SqliteConnection, SqliteExecutor};

use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::store::sql::columns::to_column;
use crate::store::sqlite::error::store_error;

/// Returns the numbers of finished events.
pub(super) async fn select(
    conn: impl SqliteExecutor<'_>,
    before: UnixMillis,
    max: NonZeroU16,
) -> Result<Vec<i64>, StoreError> {
    sqlx::query_scalar(SELECT_FINISHED)
        .bind(to_column(before))
        .bind(max.get())
        .fetch_all(conn)
        .await
        .map_err(store_error)
}

/// Deletes events with their deliveries and attempts. Rows that refer to others go first.
pub(super) async fn delete(conn: &mut SqliteConnection, events: &[i64]) -> Result<(), StoreError> {
    // Numbers cannot fail to serialize.
    let events = serde_json::to_string(events).unwrap_or_default();
    for statement in [DELETE_ATTEMPTS, DELETE_DELIVERIES, DELETE_EVENTS] {
        sqlx::query(statement)
            .bind(&events)
            .execute(&mut *conn)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}

pub(super) const SELECT_FINISHED: &str = "
SELECT v.seq FROM tas_events v
WHERE v.created_at < ?1 AND NOT EXISTS (
    SELECT 1 FROM tas_deliveries d
    WHERE d.event = v.seq AND (d.ended_at IS NULL OR d.ended_at >= ?1)
)
ORDER BY v.created_at LIMIT ?2";

const DELETE_ATTEMPTS: &str = "
DELETE FROM tas_attempts WHERE delivery IN (
    SELECT id FROM tas_deliveries WHERE event IN (SELECT value FROM json_each(?1)))";

const DELETE_DELIVERIES: &str = "
DELETE FROM tas_deliveries WHERE event IN (SELECT value FROM json_each(?1))";

const DELETE_EVENTS: &str = "
DELETE FROM tas_events WHERE seq IN (SELECT value FROM json_each(?1))";
