//! Deliveries of an event, and attempts of a delivery.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use sqlx::sqlite::SqlitePool;

use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, EndpointId, MessageId};
use crate::queue::AttemptNumber;
use crate::send::outbox::{Attempt, AttemptReport, Delivery, DeliveryState, FailureReason};
use crate::store::sql::columns::{optional_time, time, unreadable};
use crate::store::sqlite::error::store_error;

pub(super) async fn deliveries(
    reader: &SqlitePool,
    event: &MessageId,
) -> Result<Vec<Delivery>, StoreError> {
    let rows: Vec<DeliveryRow> = sqlx::query_as(SELECT_DELIVERIES)
        .bind(event.as_str())
        .fetch_all(reader)
        .await
        .map_err(store_error)?;
    rows.into_iter().map(Delivery::try_from).collect()
}

pub(super) async fn attempts(
    reader: &SqlitePool,
    delivery: &DeliveryId,
) -> Result<Vec<Attempt>, StoreError> {
    let rows: Vec<AttemptRow> = sqlx::query_as(SELECT_ATTEMPTS)
        .bind(delivery.as_str())
        .fetch_all(reader)
        .await
        .map_err(store_error)?;
    rows.into_iter().map(Attempt::try_from).collect()
}

#[derive(sqlx::FromRow)]
struct DeliveryRow {
    id: String,
    event: String,
    endpoint: String,
    state: String,
    attempt: u32,
    due_at: Option<i64>,
    created_at: i64,
    ended_at: Option<i64>,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = StoreError;

    fn try_from(row: DeliveryRow) -> Result<Self, StoreError> {
        let state = DeliveryState::by_name(&row.state);
        let delivery = Self::from_stored(
            DeliveryId::new(row.id).map_err(|_invalid| unreadable("tas_deliveries.id"))?,
            MessageId::new(row.event).map_err(|_invalid| unreadable("tas_events.id"))?,
            EndpointId::new(row.endpoint).map_err(|_invalid| unreadable("tas_endpoints.id"))?,
            state.ok_or_else(|| unreadable("tas_deliveries.state"))?,
            time("tas_deliveries.created_at", row.created_at)?,
        );
        Ok(delivery
            .with_attempts(row.attempt)
            .with_due_at(optional_time("tas_deliveries.due_at", row.due_at)?)
            .with_ended_at(optional_time("tas_deliveries.ended_at", row.ended_at)?))
    }
}

#[derive(sqlx::FromRow)]
struct AttemptRow {
    number: u32,
    started_at: i64,
    duration_ms: i64,
    status: Option<u16>,
    failure: Option<String>,
    response: Vec<u8>,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        let number = AttemptNumber::new(row.number);
        let millis = u64::try_from(row.duration_ms)
            .map_err(|_negative| unreadable("tas_attempts.duration_ms"))?;
        let status = row.status.map(StatusCode::from_u16).transpose();
        let failure = row.failure.as_deref().map(|name| {
            FailureReason::by_name(name).ok_or_else(|| unreadable("tas_attempts.failure"))
        });
        let started_at = time("tas_attempts.started_at", row.started_at)?;
        let status = status.map_err(|_invalid| unreadable("tas_attempts.status"))?;
        let report = AttemptReport::new(started_at, Duration::from_millis(millis))
            .with_response(status, Bytes::from(row.response))
            .with_failure(failure.transpose()?);
        let number = number.ok_or_else(|| unreadable("tas_attempts.number"))?;
        Ok(Self::new(number, report))
    }
}

const SELECT_DELIVERIES: &str = "
SELECT d.id, v.id AS event, e.id AS endpoint, d.state, d.attempt, d.due_at, d.created_at, d.ended_at
FROM tas_events v
JOIN tas_deliveries d ON d.event = v.seq
JOIN tas_endpoints e ON e.seq = d.endpoint
WHERE v.id = ?1
ORDER BY d.id";

const SELECT_ATTEMPTS: &str = "
SELECT number, started_at, duration_ms, status, failure, response
FROM tas_attempts WHERE delivery = ?1 ORDER BY fence";
