//! Leasing messages.

use sqlx::SqliteConnection;

use super::sql::{END_LAPSED, MARK_LEASED, REDATE, SELECT_DUE};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{LONGEST_LEASE, LeaseRequest, RetryPolicy};
use crate::store::sql::columns::{latest, to_column};
use crate::store::sql::inbox::LeasedRow;
use crate::store::sqlite::error::store_error;

/// Leases due messages.
pub(super) async fn lease(
    conn: &mut SqliteConnection,
    source: &str,
    request: LeaseRequest,
) -> Result<Vec<LeasedRow>, StoreError> {
    redate(conn, source, request).await?;
    end_lapsed(conn, source, request).await?;
    let due = select_due(conn, source, request).await?;
    mark_leased(conn, &due, request.until).await?;
    Ok(due)
}

/// Corrects dates from a clock that was ahead.
async fn redate(
    conn: &mut SqliteConnection,
    source: &str,
    request: LeaseRequest,
) -> Result<(), StoreError> {
    sqlx::query(REDATE)
        .bind(source)
        .bind(to_column(request.now))
        .bind(latest(request.now, LONGEST_LEASE))
        .bind(latest(request.now, RetryPolicy::LONGEST_WAIT))
        .bind(to_column(request.until))
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn end_lapsed(
    conn: &mut SqliteConnection,
    source: &str,
    request: LeaseRequest,
) -> Result<(), StoreError> {
    sqlx::query(END_LAPSED)
        .bind(source)
        .bind(to_column(request.now))
        .bind(request.max_attempts.get())
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn select_due(
    conn: &mut SqliteConnection,
    source: &str,
    request: LeaseRequest,
) -> Result<Vec<LeasedRow>, StoreError> {
    sqlx::query_as(SELECT_DUE)
        .bind(source)
        .bind(to_column(request.now))
        .bind(request.max.get())
        .fetch_all(conn)
        .await
        .map_err(store_error)
}

async fn mark_leased(
    conn: &mut SqliteConnection,
    due: &[LeasedRow],
    until: UnixMillis,
) -> Result<(), StoreError> {
    let ids: Vec<&str> = due.iter().map(|row| &*row.id).collect();
    sqlx::query(MARK_LEASED)
        // Texts cannot fail to serialize.
        .bind(serde_json::to_string(&ids).unwrap_or_default())
        .bind(to_column(until))
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}
