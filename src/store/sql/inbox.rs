//! The shared parts of the inboxes in SQL: rows and parameters.

use std::error::Error;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;

use super::columns::{count, optional_time, time, unreadable};
use super::statement::Statement;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::{AttemptNumber, LONGEST_LEASE, LeaseRequest, LeaseToken, RetryPolicy};
use crate::receive::inbox::{
    Failure, InboxEntry, InboxLease, InboxOutcome, MessageState, NewMessage, StoredRequest,
};

/// Returns the readable messages of `rows`. Unreadable messages are logged and skipped, so that the
/// rest of the batch continues. If an unreadable message was leased, its leases lapse until it has
/// failed.
pub(crate) fn readable<R, T>(rows: Vec<R>) -> Vec<T>
where
    R: AsRef<str>,
    T: TryFrom<R, Error = StoreError>,
{
    let read = |row: R| {
        let message = row.as_ref().to_owned();
        T::try_from(row).map_err(|error| {
            let cause = &error as &(dyn Error + 'static);
            tracing::error!(error = cause, message, "a stored message cannot be read");
        })
    };
    rows.into_iter().filter_map(|row| read(row).ok()).collect()
}

/// A message with a new lease.
#[derive(sqlx::FromRow)]
pub(crate) struct LeasedRow {
    pub(crate) id: String,
    attempt: i64,
    fence: i64,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl TryFrom<LeasedRow> for InboxLease {
    type Error = StoreError;

    fn try_from(row: LeasedRow) -> Result<Self, StoreError> {
        let token = u64::try_from(row.fence).map_err(|_| unreadable("tas_inbox.fence"))?;
        let attempt = AttemptNumber::new(attempts(row.attempt)?);
        Ok(Self {
            id: id(row.id)?,
            token: LeaseToken::new(token),
            attempt: attempt.ok_or_else(|| unreadable("tas_inbox.attempt"))?,
            work: StoredRequest::from_stored(Bytes::from(row.head), Bytes::from(row.body)),
        })
    }
}

/// A message without its body.
#[derive(sqlx::FromRow)]
pub(crate) struct EntryRow {
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

impl TryFrom<EntryRow> for InboxEntry {
    type Error = StoreError;

    fn try_from(row: EntryRow) -> Result<Self, StoreError> {
        let state = MessageState::by_name(&row.state);
        let head = row.head.map(Bytes::from);
        let request = head.map(|head| StoredRequest::from_stored(head, Bytes::new()));
        // A value of a later version does not make the message unreadable.
        let status = row.status.and_then(|status| u16::try_from(status).ok());
        let failure = row.failure.as_deref();
        let failure = failure.and_then(|name| Failure::from_stored(name, status));
        Ok(Self {
            id: id(row.id)?,
            message_id: request.and_then(|request| request.message_id()),
            state: state.ok_or_else(|| unreadable("tas_inbox.state"))?,
            attempts: attempts(row.attempt)?,
            due_at: optional_time("tas_inbox.due_at", row.due_at)?,
            received_at: time("tas_inbox.received_at", row.received_at)?,
            ended_at: optional_time("tas_inbox.ended_at", row.ended_at)?,
            failure,
        })
    }
}

impl AsRef<str> for LeasedRow {
    fn as_ref(&self) -> &str {
        &self.id
    }
}

impl AsRef<str> for EntryRow {
    fn as_ref(&self) -> &str {
        &self.id
    }
}

fn id(text: String) -> Result<InboxId, StoreError> {
    InboxId::new(text).map_err(|_invalid| unreadable("tas_inbox.id"))
}

fn attempts(column: i64) -> Result<u32, StoreError> {
    count("tas_inbox.attempt", column)
}

/// Binds what a message has beside its id and the time: four parameters.
pub(crate) fn message(statement: Statement, message: &NewMessage) -> Statement {
    statement
        .text(&*message.source)
        .int(millis(message.keys.retention()))
        .blob(&message.request.head()[..])
        .blob(&message.request.body()[..])
}

/// Binds the source, the time and the latest possible ends of a lease and of a wait.
pub(crate) fn next_due(sql: &'static str, source: &str, now: UnixMillis) -> Statement {
    let statement = Statement::new(sql).text(source).time(now);
    statement
        .time(now.saturating_add(LONGEST_LEASE))
        .time(now.saturating_add(RetryPolicy::LONGEST_WAIT))
}

/// Binds the parameters of [`next_due`], and the end of a new lease.
pub(crate) fn redate(sql: &'static str, source: &str, request: &LeaseRequest) -> Statement {
    next_due(sql, source, request.now).time(request.until)
}

/// Binds the source, the time and the last attempt.
pub(crate) fn end_lapsed(sql: &'static str, source: &str, request: &LeaseRequest) -> Statement {
    let statement = Statement::new(sql).text(source).time(request.now);
    statement.int(i64::from(request.max_attempts.get()))
}

/// Binds the lease's id and token, and the columns that an outcome changes.
pub(crate) fn settle(
    sql: &'static str,
    lease: &InboxLease,
    outcome: InboxOutcome,
    now: UnixMillis,
) -> Statement {
    let (state, due_at, failure) = match outcome {
        InboxOutcome::Done => (MessageState::Done, None, None),
        InboxOutcome::Retry { at, failure } => (MessageState::Pending, Some(at), Some(failure)),
        InboxOutcome::Failed { failure } => (MessageState::Failed, None, Some(failure)),
    };
    let status = failure.and_then(Failure::status);
    of_lease(sql, lease)
        .text(state.as_str())
        .time(due_at)
        .time(due_at.is_none().then_some(now))
        .text(failure.map(Failure::as_str))
        .int(status.map(|status| status.as_u16().into()))
}

/// Binds the lease's id and token, and a time.
pub(crate) fn set_due(sql: &'static str, lease: &InboxLease, due_at: UnixMillis) -> Statement {
    of_lease(sql, lease).time(due_at)
}

/// Binds the lease's id and token. Every token of a store fits.
fn of_lease(sql: &'static str, lease: &InboxLease) -> Statement {
    let statement = Statement::new(sql).text(lease.id.as_str());
    statement.int(i64::try_from(lease.token.get()).unwrap_or(i64::MAX))
}

/// Binds the source, a time and the largest number of messages.
pub(crate) fn batch(
    sql: &'static str,
    source: &str,
    time: UnixMillis,
    max: NonZeroU16,
) -> Statement {
    let statement = Statement::new(sql).text(source).time(time);
    statement.int(i64::from(max.get()))
}

/// Binds the source and an id.
pub(crate) fn find(sql: &'static str, source: &str, id: &InboxId) -> Statement {
    Statement::new(sql).text(source).text(id.as_str())
}

/// Binds the source, the id before the first one and the largest number of messages.
pub(crate) fn failed(
    sql: &'static str,
    source: &str,
    after: Option<&InboxId>,
    max: NonZeroU16,
) -> Statement {
    let statement = Statement::new(sql).text(source);
    statement
        .text(after.map_or("", InboxId::as_str))
        .int(i64::from(max.get()))
}

/// Returns a duration in whole milliseconds.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) const EXTEND: &str = "
UPDATE tas_inbox SET due_at = $3 WHERE id = $1 AND fence = $2 AND state = 'leased'";

pub(crate) const RELEASE: &str = "
UPDATE tas_inbox SET state = 'pending', due_at = $3, attempt = attempt - 1
WHERE id = $1 AND fence = $2 AND state = 'leased'";

pub(crate) const FIND: &str = "
SELECT id, state, attempt, due_at, received_at, ended_at, failure, status, head
FROM tas_inbox WHERE source = $1 AND id = $2";

pub(crate) const FAILED: &str = "
SELECT id, state, attempt, due_at, received_at, ended_at, failure, status, head
FROM tas_inbox WHERE source = $1 AND state = 'failed' AND id > $2
ORDER BY id LIMIT $3";
