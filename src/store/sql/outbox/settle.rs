//! Settling, releasing and extending a lease.

use super::dialect::OutboxSql;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::send::outbox::{
    AttemptReport, DeliveryLease, DeliveryState, DisabledBecause, Health, Outcome, Settled,
    Settlement,
};
use crate::store::sql::columns::{count, time};
use crate::store::sql::endpoints::disable;
use crate::store::sql::statement::Statement;

pub(crate) async fn settle<C: OutboxSql>(
    conn: &mut C,
    lease: &DeliveryLease,
    settlement: &Settlement,
    now: UnixMillis,
) -> Result<Settled, StoreError> {
    let change = match settlement.outcome {
        Outcome::Delivered => end(lease, DeliveryState::Delivered, now),
        Outcome::Retry { at } => give_back(lease, at, now, 0),
        Outcome::Exhausted | Outcome::Gone => end(lease, DeliveryState::Failed, now),
    };
    let endpoint = change_leased(conn, change).await?;
    conn.execute(insert_attempt(lease, &settlement.report))
        .await?;
    if settlement.outcome == Outcome::Delivered {
        conn.execute(Statement::new(NOTE_SUCCESS).int(endpoint))
            .await?;
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

pub(crate) async fn release<C: OutboxSql>(
    conn: &mut C,
    lease: &DeliveryLease,
    now: UnixMillis,
) -> Result<(), StoreError> {
    let released = change_leased(conn, give_back(lease, now, now, 1)).await;
    released.map(|_endpoint| ())
}

pub(crate) fn extend(lease: &DeliveryLease, until: UnixMillis) -> Statement {
    of_lease(EXTEND, lease).time(until)
}

/// Changes a leased delivery. Returns its endpoint's number.
async fn change_leased<C: OutboxSql>(conn: &mut C, change: Statement) -> Result<i64, StoreError> {
    let endpoint: Option<(i64,)> = conn.fetch_optional(change).await?;
    let (endpoint,) = endpoint.ok_or_else(StoreError::lease_lost)?;
    Ok(endpoint)
}

/// Finishes the delivery.
fn end(lease: &DeliveryLease, state: DeliveryState, now: UnixMillis) -> Statement {
    of_lease(END, lease).text(state.as_str()).time(now)
}

/// Makes the delivery pending again, or cancelled if the endpoint is disabled, and takes back
/// `attempts`.
fn give_back(
    lease: &DeliveryLease,
    due_at: UnixMillis,
    now: UnixMillis,
    attempts: i64,
) -> Statement {
    of_lease(GIVE_BACK, lease)
        .time(due_at)
        .time(now)
        .int(attempts)
}

fn insert_attempt(lease: &DeliveryLease, report: &AttemptReport) -> Statement {
    of_lease(INSERT_ATTEMPT, lease)
        .int(i64::from(lease.attempt.get()))
        .time(report.started_at)
        .int(i64::try_from(report.duration.as_millis()).unwrap_or(i64::MAX))
        .int(report.status.map(|status| status.as_u16().into()))
        .text(report.failure.map(|reason| reason.as_str()))
        .blob(&*report.kept_response())
}

async fn note_failure<C: OutboxSql>(
    conn: &mut C,
    endpoint: i64,
    not_before: Option<UnixMillis>,
    now: UnixMillis,
) -> Result<Health, StoreError> {
    let note = Statement::new(NOTE_FAILURE).int(endpoint).time(now);
    let (since, failures): (i64, i64) = conn.fetch_one(note.time(not_before)).await?;
    Ok(Health::failing(
        time("tas_endpoints.failing_since", since)?,
        count("tas_endpoints.failures", failures)?,
    ))
}

/// Binds the lease's id and token. Every token of a store fits.
fn of_lease(sql: &'static str, lease: &DeliveryLease) -> Statement {
    let statement = Statement::new(sql).text(lease.id.as_str());
    statement.int(i64::try_from(lease.token.get()).unwrap_or(i64::MAX))
}

const END: &str = "
UPDATE tas_deliveries SET state = $3, due_at = NULL, ended_at = $4
WHERE id = $1 AND fence = $2 AND state = 'leased'
RETURNING endpoint";

const GIVE_BACK: &str = "
UPDATE tas_deliveries
SET attempt = attempt - $5,
    (state, due_at, ended_at) = (
        SELECT CASE WHEN e.disabled_at IS NULL THEN 'pending' ELSE 'cancelled' END,
            CASE WHEN e.disabled_at IS NULL THEN $3 END,
            CASE WHEN e.disabled_at IS NOT NULL THEN $4 END
        FROM tas_endpoints e WHERE e.seq = tas_deliveries.endpoint)
WHERE id = $1 AND fence = $2 AND state = 'leased'
RETURNING endpoint";

const EXTEND: &str = "
UPDATE tas_deliveries SET due_at = $3
WHERE id = $1 AND fence = $2 AND state = 'leased'";

const INSERT_ATTEMPT: &str = "
INSERT INTO tas_attempts
    (delivery, fence, number, started_at, duration_ms, status, failure, response)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const NOTE_SUCCESS: &str = "
UPDATE tas_endpoints SET failing_since = NULL, failures = 0, not_before = NULL
WHERE seq = $1 AND failures > 0";

const NOTE_FAILURE: &str = "
UPDATE tas_endpoints
SET failing_since = coalesce(failing_since, $2), failures = failures + 1,
    -- Of two numbers the higher, of a number and NULL the number.
    not_before = CASE WHEN not_before >= $3 THEN not_before ELSE coalesce($3, not_before) END
WHERE seq = $1
RETURNING failing_since, failures";
