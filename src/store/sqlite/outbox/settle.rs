//! Settling, releasing and extending a lease.

use sqlx::SqliteConnection;

use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::send::outbox::{
    AttemptReport, DeliveryLease, DeliveryState, DisabledBecause, Health, Outcome, Settled,
    Settlement,
};
use crate::store::sql::columns::{time, to_column};
use crate::store::sqlite::endpoints::disable;
use crate::store::sqlite::error::store_error;

pub(super) async fn settle(
    conn: &mut SqliteConnection,
    lease: &DeliveryLease,
    settlement: &Settlement,
    now: UnixMillis,
) -> Result<Settled, StoreError> {
    let endpoint = match settlement.outcome {
        Outcome::Delivered => end(conn, lease, DeliveryState::Delivered, now).await?,
        Outcome::Retry { at } => give_back(conn, lease, at, now, 0).await?,
        Outcome::Exhausted | Outcome::Gone => end(conn, lease, DeliveryState::Failed, now).await?,
    };
    insert_attempt(conn, lease, &settlement.report).await?;
    if settlement.outcome == Outcome::Delivered {
        note_success(conn, endpoint).await?;
        return Ok(Settled::default());
    }
    let health = note_failure(conn, endpoint, settlement.not_before, now).await?;
    let because = match settlement.outcome {
        Outcome::Gone => DisabledBecause::Gone,
        Outcome::Exhausted if health.is_given_up(now) => DisabledBecause::Failing,
        Outcome::Delivered | Outcome::Retry { .. } | Outcome::Exhausted => {
            return Ok(Settled::default());
        }
    };
    let disabled = disable(conn, endpoint, because, now).await?;
    Ok(Settled::disabling(disabled.then_some(because)))
}

pub(super) async fn extend(
    conn: &mut SqliteConnection,
    lease: &DeliveryLease,
    until: UnixMillis,
) -> Result<(), StoreError> {
    let extended = sqlx::query(EXTEND)
        .bind(lease.id.as_str())
        .bind(token(lease))
        .bind(to_column(until))
        .execute(conn)
        .await
        .map_err(store_error)?;
    if extended.rows_affected() == 0 {
        return Err(StoreError::lease_lost());
    }
    Ok(())
}

pub(super) async fn release(
    conn: &mut SqliteConnection,
    lease: &DeliveryLease,
    now: UnixMillis,
) -> Result<(), StoreError> {
    give_back(conn, lease, now, now, 1)
        .await
        .map(|_endpoint| ())
}

/// Finishes the delivery. Returns its endpoint's number.
async fn end(
    conn: &mut SqliteConnection,
    lease: &DeliveryLease,
    state: DeliveryState,
    now: UnixMillis,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(END)
        .bind(lease.id.as_str())
        .bind(token(lease))
        .bind(state.as_str())
        .bind(to_column(now))
        .fetch_optional(conn)
        .await
        .map_err(store_error)?
        .ok_or_else(StoreError::lease_lost)
}

/// Makes the delivery pending again, or cancelled if the endpoint is disabled, and takes back
/// `attempts`. Returns the endpoint's number.
async fn give_back(
    conn: &mut SqliteConnection,
    lease: &DeliveryLease,
    due_at: UnixMillis,
    now: UnixMillis,
    attempts: u32,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(GIVE_BACK)
        .bind(lease.id.as_str())
        .bind(token(lease))
        .bind(to_column(due_at))
        .bind(to_column(now))
        .bind(attempts)
        .fetch_optional(conn)
        .await
        .map_err(store_error)?
        .ok_or_else(StoreError::lease_lost)
}

async fn insert_attempt(
    conn: &mut SqliteConnection,
    lease: &DeliveryLease,
    report: &AttemptReport,
) -> Result<(), StoreError> {
    let duration = i64::try_from(report.duration.as_millis()).unwrap_or(i64::MAX);
    sqlx::query(INSERT_ATTEMPT)
        .bind(lease.id.as_str())
        .bind(token(lease))
        .bind(lease.attempt.get())
        .bind(to_column(report.started_at))
        .bind(duration)
        .bind(report.status.map(|status| status.as_u16()))
        .bind(report.failure.map(|reason| reason.as_str()))
        .bind(report.kept_response().as_ref())
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn note_success(conn: &mut SqliteConnection, endpoint: i64) -> Result<(), StoreError> {
    sqlx::query(NOTE_SUCCESS)
        .bind(endpoint)
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn note_failure(
    conn: &mut SqliteConnection,
    endpoint: i64,
    not_before: Option<UnixMillis>,
    now: UnixMillis,
) -> Result<Health, StoreError> {
    let (since, failures): (i64, u32) = sqlx::query_as(NOTE_FAILURE)
        .bind(endpoint)
        .bind(to_column(now))
        .bind(not_before.map(to_column))
        .fetch_one(conn)
        .await
        .map_err(store_error)?;
    let since = time("tas_endpoints.failing_since", since)?;
    Ok(Health::failing(since, failures))
}

/// Returns the lease's token. Every token of this store fits.
fn token(lease: &DeliveryLease) -> i64 {
    i64::try_from(lease.token.get()).unwrap_or(i64::MAX)
}

const END: &str = "
UPDATE tas_deliveries SET state = ?3, due_at = NULL, ended_at = ?4
WHERE id = ?1 AND fence = ?2 AND state = 'leased'
RETURNING endpoint";

const GIVE_BACK: &str = "
UPDATE tas_deliveries
SET attempt = attempt - ?5,
    (state, due_at, ended_at) = (
        SELECT iif(e.disabled_at IS NULL, 'pending', 'cancelled'),
            iif(e.disabled_at IS NULL, ?3, NULL),
            iif(e.disabled_at IS NULL, NULL, ?4)
        FROM tas_endpoints e WHERE e.seq = tas_deliveries.endpoint)
WHERE id = ?1 AND fence = ?2 AND state = 'leased'
RETURNING endpoint";

const EXTEND: &str = "
UPDATE tas_deliveries SET due_at = ?3
WHERE id = ?1 AND fence = ?2 AND state = 'leased'";

const INSERT_ATTEMPT: &str = "
INSERT INTO tas_attempts
    (delivery, fence, number, started_at, duration_ms, status, failure, response)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

const NOTE_SUCCESS: &str = "
UPDATE tas_endpoints SET failing_since = NULL, failures = 0, not_before = NULL
WHERE seq = ?1 AND failures > 0";

const NOTE_FAILURE: &str = "
UPDATE tas_endpoints
SET failing_since = coalesce(failing_since, ?2), failures = failures + 1,
    -- Of two numbers the higher, of a number and NULL the number.
    not_before = coalesce(max(not_before, ?3), not_before, ?3)
WHERE seq = ?1
RETURNING failing_since, failures";
