//! Leasing deliveries.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::num::NonZeroU16;
use std::sync::Arc;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqlitePool;

use super::due_row::DueRow;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{LONGEST_LEASE, LeaseRequest, RetryPolicy};
use crate::send::outbox::{DeliveryLease, Endpoint};
use crate::store::sql::columns::{latest, optional_time, to_column};
use crate::store::sqlite::endpoints::{disable_unreadable, select_by_number};
use crate::store::sqlite::error::store_error;

pub(super) async fn lease(
    conn: &mut SqliteConnection,
    per_endpoint: NonZeroU16,
    request: &LeaseRequest,
) -> Result<Vec<DeliveryLease>, StoreError> {
    redate(conn, request).await?;
    loop {
        end_lapsed(conn, request).await?;
        let due = select_due(conn, per_endpoint, request).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        // Unreadable rows are disabled or cancelled; then the rest is selected again.
        let Some(endpoints) = select_endpoints(conn, &due, request.now).await? else {
            continue;
        };
        let Some(leases) = read_all(conn, due, &endpoints, request.now).await? else {
            continue;
        };
        mark_leased(conn, &leases, request.until).await?;
        return Ok(leases);
    }
}

pub(super) async fn next_due(
    reader: &SqlitePool,
    per_endpoint: NonZeroU16,
    now: UnixMillis,
) -> Result<Option<UnixMillis>, StoreError> {
    let due: Option<i64> = sqlx::query_scalar(NEXT_DUE)
        .bind(to_column(now))
        .bind(latest(now, LONGEST_LEASE))
        .bind(latest(now, RetryPolicy::LONGEST_WAIT))
        .bind(per_endpoint.get())
        .fetch_one(reader)
        .await
        .map_err(store_error)?;
    optional_time("tas_deliveries.due_at", due)
}

/// Corrects dates from a clock that was ahead.
async fn redate(conn: &mut SqliteConnection, request: &LeaseRequest) -> Result<(), StoreError> {
    for statement in [REDATE, END_PAUSES] {
        sqlx::query(statement)
            .bind(to_column(request.now))
            .bind(latest(request.now, LONGEST_LEASE))
            .bind(latest(request.now, RetryPolicy::LONGEST_WAIT))
            .bind(to_column(request.until))
            .execute(&mut *conn)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}

async fn end_lapsed(conn: &mut SqliteConnection, request: &LeaseRequest) -> Result<(), StoreError> {
    sqlx::query(END_LAPSED)
        .bind(to_column(request.now))
        .bind(request.max_attempts.get())
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn select_due(
    conn: &mut SqliteConnection,
    per_endpoint: NonZeroU16,
    request: &LeaseRequest,
) -> Result<Vec<DueRow>, StoreError> {
    sqlx::query_as(SELECT_DUE)
        .bind(to_column(request.now))
        .bind(per_endpoint.get())
        .bind(request.max.get())
        .fetch_all(conn)
        .await
        .map_err(store_error)
}

async fn mark_leased(
    conn: &mut SqliteConnection,
    leases: &[DeliveryLease],
    until: UnixMillis,
) -> Result<(), StoreError> {
    let ids: Vec<&str> = leases.iter().map(|one| one.id.as_str()).collect();
    sqlx::query(MARK_LEASED)
        // Texts cannot fail to serialize.
        .bind(serde_json::to_string(&ids).unwrap_or_default())
        .bind(to_column(until))
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Reads each endpoint once, however many deliveries it has. Disables unreadable ones; if there are any,
/// returns `None`.
async fn select_endpoints(
    conn: &mut SqliteConnection,
    due: &[DueRow],
    now: UnixMillis,
) -> Result<Option<HashMap<i64, Arc<Endpoint>>>, StoreError> {
    let numbers: BTreeSet<i64> = due.iter().map(|row| row.endpoint).collect();
    let mut endpoints = HashMap::new();
    let mut are_readable = true;
    for (number, endpoint) in select_by_number(conn, &numbers).await? {
        match endpoint {
            Ok(endpoint) => {
                endpoints.insert(number, Arc::new(endpoint));
            }
            Err(error) => {
                are_readable = false;
                disable_unreadable(conn, number, &error, now).await?;
            }
        }
    }
    Ok(are_readable.then_some(endpoints))
}

/// Makes leases of the rows. Cancels unreadable deliveries; if there are any, returns `None`.
async fn read_all(
    conn: &mut SqliteConnection,
    due: Vec<DueRow>,
    endpoints: &HashMap<i64, Arc<Endpoint>>,
    now: UnixMillis,
) -> Result<Option<Vec<DeliveryLease>>, StoreError> {
    let mut leases = Vec::with_capacity(due.len());
    let mut are_readable = true;
    for row in due {
        let (id, event) = (row.id.clone(), row.event_seq);
        match row.into_lease(endpoints) {
            Ok(lease) => leases.push(lease),
            Err(error) => {
                are_readable = false;
                cancel(conn, &id, now).await?;
                let cause = &error as &(dyn Error + 'static);
                tracing::error!(
                    event,
                    error = cause,
                    "a delivery cannot be read and is cancelled"
                );
            }
        }
    }
    Ok(are_readable.then_some(leases))
}

async fn cancel(conn: &mut SqliteConnection, id: &str, now: UnixMillis) -> Result<(), StoreError> {
    sqlx::query(CANCEL)
        .bind(id)
        .bind(to_column(now))
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Selects deliveries with a date from a clock that was ahead. `?1` is the time; `?2` and `?3` are the
/// latest possible ends of a lease and of a wait.
macro_rules! dated_ahead {
    () => {
        "SELECT id FROM tas_deliveries INDEXED BY tas_deliveries_untried
    WHERE attempt = 0 AND due_at > ?1
UNION ALL
SELECT id FROM tas_deliveries INDEXED BY tas_deliveries_leased WHERE state = 'leased' AND due_at > ?2
UNION ALL
SELECT d.id FROM tas_endpoints e CROSS JOIN tas_deliveries d
    WHERE d.endpoint = e.seq AND d.due_at > ?3"
    };
}

pub(super) const REDATE: &str = concat!(
    "UPDATE tas_deliveries SET due_at = iif(state = 'leased', ?4, ?1) WHERE id IN (",
    dated_ahead!(),
    ")"
);

pub(super) const END_PAUSES: &str = "
UPDATE tas_endpoints SET not_before = NULL WHERE not_before > ?3";

pub(super) const END_LAPSED: &str = "
UPDATE tas_deliveries
SET state = iif(attempt >= ?2, 'failed', 'cancelled'), due_at = NULL, ended_at = ?1
WHERE state = 'leased' AND due_at <= ?1
    AND (attempt >= ?2
        OR (SELECT disabled_at FROM tas_endpoints WHERE seq = endpoint) IS NOT NULL)";

/// Selects for each endpoint no more rows than it may have under lease, so that a long backlog is not
/// read. `turn` is a delivery's position in its endpoint's queue, after the leased deliveries.
/// `CROSS JOIN` prevents the planner from reading all events to find the chosen ones.
pub(super) const SELECT_DUE: &str = "
WITH busy AS MATERIALIZED (
    SELECT endpoint, count(*) AS leases FROM tas_deliveries
    WHERE state = 'leased' AND due_at > ?1 GROUP BY endpoint
), ready AS (
    SELECT e.seq, coalesce(b.leases, 0) AS leases
    FROM tas_endpoints e LEFT JOIN busy b ON b.endpoint = e.seq
    WHERE e.disabled_at IS NULL AND coalesce(e.not_before, 0) <= ?1
        AND coalesce(b.leases, 0) < ?2
), queued AS (
    SELECT d.id, d.endpoint, d.event, d.attempt, d.fence, d.due_at,
        r.leases + row_number() OVER (PARTITION BY d.endpoint ORDER BY d.due_at, d.event) AS turn
    FROM ready r CROSS JOIN tas_deliveries d
    WHERE d.id IN (
        SELECT c.id FROM tas_deliveries c
        WHERE c.endpoint = r.seq AND c.due_at <= ?1
        ORDER BY c.due_at, c.event LIMIT min(?2, ?3)
    )
), chosen AS (
    SELECT * FROM queued WHERE turn <= ?2
    ORDER BY turn, due_at, event, endpoint LIMIT ?3
)
SELECT c.id, c.endpoint, c.attempt, c.fence, c.event AS event_seq, v.id AS event,
    v.type AS event_type, v.payload
FROM chosen c CROSS JOIN tas_events v ON v.seq = c.event
ORDER BY c.turn, c.due_at, c.event, c.endpoint";

const MARK_LEASED: &str = "
UPDATE tas_deliveries
SET state = 'leased', attempt = attempt + 1, fence = fence + 1, due_at = ?2
WHERE id IN (SELECT value FROM json_each(?1))";

const CANCEL: &str = "
UPDATE tas_deliveries SET state = 'cancelled', due_at = NULL, ended_at = ?2 WHERE id = ?1";

/// A delivery of an endpoint at its limit becomes due when the endpoint's first lease ends.
pub(super) const NEXT_DUE: &str = concat!(
    "
WITH busy AS MATERIALIZED (
    SELECT endpoint, count(*) AS leases, min(due_at) AS first_end FROM tas_deliveries
    WHERE state = 'leased' AND due_at > ?1 GROUP BY endpoint
)
SELECT iif(EXISTS (",
    dated_ahead!(),
    ")
    OR EXISTS (SELECT 1 FROM tas_endpoints WHERE not_before > ?3),
?1,
min(max(coalesce(e.not_before, 0), iif(
    coalesce(b.leases, 0) < ?4,
    (SELECT min(d.due_at) FROM tas_deliveries d
     WHERE d.endpoint = e.seq AND d.due_at IS NOT NULL),
    b.first_end
))))
FROM tas_endpoints e LEFT JOIN busy b ON b.endpoint = e.seq
WHERE e.disabled_at IS NULL"
);
