//! Leasing deliveries.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::num::NonZeroU16;
use std::sync::Arc;

use super::dialect::{OutboxSql, json};
use super::rows::DueRow;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{LONGEST_LEASE, LeaseRequest, RetryPolicy};
use crate::send::outbox::{DeliveryLease, Endpoint};
use crate::store::sql::endpoints::{disable_unreadable, select_numbered};
use crate::store::sql::statement::Statement;

pub(crate) async fn lease<C: OutboxSql>(
    conn: &mut C,
    per_endpoint: NonZeroU16,
    request: &LeaseRequest,
) -> Result<Vec<DeliveryLease>, StoreError> {
    let now = request.now;
    let redate = dated_ahead(C::REDATE, now).time(request.until);
    conn.execute(redate).await?;
    let end_pauses = Statement::new(END_PAUSES).time(now.saturating_add(RetryPolicy::LONGEST_WAIT));
    conn.execute(end_pauses).await?;
    loop {
        let last_attempt = i64::from(request.max_attempts.get());
        let end_lapsed = Statement::new(C::END_LAPSED).time(now).int(last_attempt);
        conn.execute(end_lapsed).await?;
        let select = select_due(C::SELECT_DUE, per_endpoint, request);
        let due: Vec<DueRow> = conn.fetch_all(select).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        // Unreadable rows are disabled or cancelled; then the rest is selected again.
        let Some(endpoints) = select_endpoints(conn, &due, now).await? else {
            continue;
        };
        let Some(leases) = read_all(conn, due, &endpoints, now).await? else {
            continue;
        };
        let ids: Vec<&str> = leases.iter().map(|one| one.id.as_str()).collect();
        let mark = Statement::new(C::MARK_LEASED).text(&*json(&ids));
        conn.execute(mark.time(request.until)).await?;
        return Ok(leases);
    }
}

pub(crate) fn next_due(sql: &'static str, per_endpoint: NonZeroU16, now: UnixMillis) -> Statement {
    dated_ahead(sql, now).int(i64::from(per_endpoint.get()))
}

/// Binds the time, and the latest ends of a lease and of a wait that a correct clock can give.
fn dated_ahead(sql: &'static str, now: UnixMillis) -> Statement {
    let statement = Statement::new(sql).time(now);
    statement
        .time(now.saturating_add(LONGEST_LEASE))
        .time(now.saturating_add(RetryPolicy::LONGEST_WAIT))
}

/// Binds the time, the most leases of an endpoint, and the most rows.
fn select_due(sql: &'static str, per_endpoint: NonZeroU16, request: &LeaseRequest) -> Statement {
    let statement = Statement::new(sql).time(request.now);
    statement
        .int(i64::from(per_endpoint.get()))
        .int(i64::from(request.max.get()))
}

/// Reads each endpoint once, however many deliveries it has. Disables unreadable ones; if there are any,
/// returns `None`.
async fn select_endpoints<C: OutboxSql>(
    conn: &mut C,
    due: &[DueRow],
    now: UnixMillis,
) -> Result<Option<HashMap<i64, Arc<Endpoint>>>, StoreError> {
    let numbers: BTreeSet<i64> = due.iter().map(|row| row.endpoint).collect();
    let mut endpoints = HashMap::new();
    let mut are_readable = true;
    let select = Statement::new(C::SELECT_ENDPOINTS).text(&*json(&numbers));
    for (number, endpoint) in select_numbered(conn, select).await? {
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
async fn read_all<C: OutboxSql>(
    conn: &mut C,
    due: Vec<DueRow>,
    endpoints: &HashMap<i64, Arc<Endpoint>>,
    now: UnixMillis,
) -> Result<Option<Vec<DeliveryLease>>, StoreError> {
    let mut leases = Vec::with_capacity(due.len());
    let mut are_readable = true;
    for row in due {
        let event = row.event_seq;
        let cancel = Statement::new(CANCEL).text(&*row.id).time(now);
        match row.into_lease(endpoints) {
            Ok(lease) => leases.push(lease),
            Err(error) => {
                are_readable = false;
                conn.execute(cancel).await?;
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

/// Ends pauses that a clock that was ahead has dated. Parameter: the latest possible end of a wait.
pub(crate) const END_PAUSES: &str =
    "UPDATE tas_endpoints SET not_before = NULL WHERE not_before > $1";

const CANCEL: &str = "
UPDATE tas_deliveries SET state = 'cancelled', due_at = NULL, ended_at = $2 WHERE id = $1";
