//! What the inboxes in SQL have in common: their rows, and what a settlement writes.

use std::time::Duration;

use bytes::Bytes;

use super::columns::{optional_time, time, to_column, unreadable};
use crate::clock::UnixMillis;
use crate::id::InboxId;
use crate::inbox::{Failure, Lease, LeaseToken, MessageState, Outcome, Record, StoredRequest};
use crate::retry::AttemptNumber;
use crate::store_error::StoreError;

/// A message that was just leased.
#[derive(sqlx::FromRow)]
pub(crate) struct LeasedRow {
    pub(crate) id: String,
    attempt: i64,
    fence: i64,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl TryFrom<LeasedRow> for Lease {
    type Error = StoreError;

    fn try_from(row: LeasedRow) -> Result<Self, StoreError> {
        let token = u64::try_from(row.fence).map_err(|_| unreadable("tas_inbox.fence"))?;
        let attempt = AttemptNumber::new(attempts(row.attempt)?);
        Ok(Self {
            id: id(row.id)?,
            token: LeaseToken::new(token),
            attempt: attempt.ok_or_else(|| unreadable("tas_inbox.attempt"))?,
            request: StoredRequest::from_stored(Bytes::from(row.head), Bytes::from(row.body)),
        })
    }
}

/// A message as it stands.
#[derive(sqlx::FromRow)]
pub(crate) struct RecordRow {
    id: String,
    state: String,
    attempt: i64,
    due_at: Option<i64>,
    received_at: i64,
    ended_at: Option<i64>,
    failure: Option<String>,
    status: Option<i32>,
    head: Option<Vec<u8>>,
}

impl TryFrom<RecordRow> for Record {
    type Error = StoreError;

    fn try_from(row: RecordRow) -> Result<Self, StoreError> {
        let state = MessageState::by_name(&row.state);
        let head = row.head.map(Bytes::from);
        let request = head.map(|head| StoredRequest::from_stored(head, Bytes::new()));
        let status = row.status.map(u16::try_from).transpose();
        let status = status.map_err(|_| unreadable("tas_inbox.status"))?;
        let failure = row.failure.map(|name| {
            let failure = Failure::from_stored(&name, status);
            failure.ok_or_else(|| unreadable("tas_inbox.failure"))
        });
        Ok(Self {
            id: id(row.id)?,
            message_id: request.and_then(|request| request.message_id()),
            state: state.ok_or_else(|| unreadable("tas_inbox.state"))?,
            attempts: attempts(row.attempt)?,
            due_at: optional_time("tas_inbox.due_at", row.due_at)?,
            received_at: time("tas_inbox.received_at", row.received_at)?,
            ended_at: optional_time("tas_inbox.ended_at", row.ended_at)?,
            failure: failure.transpose()?,
        })
    }
}

fn id(text: String) -> Result<InboxId, StoreError> {
    InboxId::new(text).map_err(|_invalid| unreadable("tas_inbox.id"))
}

fn attempts(column: i64) -> Result<u32, StoreError> {
    u32::try_from(column).map_err(|_| unreadable("tas_inbox.attempt"))
}

/// The columns that an outcome changes.
pub(crate) struct Settlement {
    pub(crate) state: &'static str,
    pub(crate) due_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) failure: Option<&'static str>,
    pub(crate) status: Option<i32>,
}

impl Settlement {
    pub(crate) fn of(outcome: Outcome, now: UnixMillis) -> Self {
        let (state, due_at, failure) = match outcome {
            Outcome::Done => (MessageState::Done, None, None),
            Outcome::Retry { at, failure } => (MessageState::Pending, Some(at), Some(failure)),
            Outcome::Failed { failure } => (MessageState::Failed, None, Some(failure)),
        };
        let ended_at = due_at.is_none().then_some(now);
        let status = failure.and_then(Failure::status);
        Self {
            state: state.as_str(),
            due_at: due_at.map(to_column),
            ended_at: ended_at.map(to_column),
            failure: failure.map(Failure::as_str),
            status: status.map(|status| status.as_u16().into()),
        }
    }
}

/// Returns a ticket's time in whole milliseconds.
pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// No store ever gave out a token that does not fit.
pub(crate) fn fence(lease: &Lease) -> i64 {
    i64::try_from(lease.token.get()).unwrap_or(i64::MAX)
}
