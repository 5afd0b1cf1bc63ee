//! The delivery log in SQL: deliveries of an event, and attempts of a delivery.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::columns::{count, optional_time, time, unreadable};
use super::statement::Statement;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, EndpointId, MessageId};
use crate::queue::AttemptNumber;
use crate::send::outbox::{Attempt, AttemptReport, Delivery, DeliveryState, FailureReason};

#[derive(sqlx::FromRow)]
pub(crate) struct DeliveryRow {
    id: String,
    event: String,
    endpoint: String,
    state: String,
    attempt: i64,
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
            .with_attempts(count("tas_deliveries.attempt", row.attempt)?)
            .with_due_at(optional_time("tas_deliveries.due_at", row.due_at)?)
            .with_ended_at(optional_time("tas_deliveries.ended_at", row.ended_at)?))
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct AttemptRow {
    number: i64,
    started_at: i64,
    duration_ms: i64,
    status: Option<i64>,
    failure: Option<String>,
    response: Vec<u8>,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        let number = count("tas_attempts.number", row.number)?;
        let number = AttemptNumber::new(number).ok_or_else(|| unreadable("tas_attempts.number"))?;
        let started_at = time("tas_attempts.started_at", row.started_at)?;
        let duration = time("tas_attempts.duration_ms", row.duration_ms)?.as_millis();
        let status = row.status.map(|code| {
            let code = u16::try_from(code).ok();
            code.and_then(|code| StatusCode::from_u16(code).ok())
                .ok_or_else(|| unreadable("tas_attempts.status"))
        });
        let failure = row.failure.map(|name| {
            FailureReason::by_name(&name).ok_or_else(|| unreadable("tas_attempts.failure"))
        });
        let report = AttemptReport::new(started_at, Duration::from_millis(duration))
            .with_response(status.transpose()?, Bytes::from(row.response))
            .with_failure(failure.transpose()?);
        Ok(Self::new(number, report))
    }
}

pub(crate) fn select_deliveries(event: &MessageId) -> Statement {
    Statement::new(SELECT_DELIVERIES).text(event.as_str())
}

pub(crate) fn select_attempts(delivery: &DeliveryId) -> Statement {
    Statement::new(SELECT_ATTEMPTS).text(delivery.as_str())
}

const SELECT_DELIVERIES: &str = "
SELECT d.id, v.id AS event, e.id AS endpoint, d.state, d.attempt, d.due_at, d.created_at, d.ended_at
FROM tas_events v
JOIN tas_deliveries d ON d.event = v.seq
JOIN tas_endpoints e ON e.seq = d.endpoint
WHERE v.id = $1
ORDER BY d.id";

const SELECT_ATTEMPTS: &str = "
SELECT number, started_at, duration_ms, status, failure, response
FROM tas_attempts WHERE delivery = $1 ORDER BY fence";
