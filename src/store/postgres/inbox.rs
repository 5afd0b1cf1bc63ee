//! The inbox: a row per message, and one per name of it.
//!
//! # Locks
//!
//! A message's row is locked by whoever leases, settles or deletes it; nobody waits for it while
//! holding another, because leasing and deleting skip what is locked. Names are locked in the order
//! of their kind and key, by storing and by deleting: no two statements can wait for each other.

use std::borrow::Cow;
use std::num::NonZeroU16;

use sqlx::postgres::PgArguments;
use sqlx::{Postgres, query::Query};

use super::PostgresStore;
use super::dedupe::TRIES;
use super::error::{code, store_error};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::RetryPolicy;
use crate::queue::{LONGEST_LEASE, QueueListener};
use crate::receive::dedupe::DedupeKeys;
use crate::receive::dedupe::InvalidSource;
use crate::receive::inbox::{
    Inbox, InboxEntry, InboxLease, InboxLeaseRequest, InboxLog, InboxOutcome, InboxStore,
    NewMessage, ReceiveOutcome,
};
use crate::store::sql::columns::{latest, optional_time, to_column};
use crate::store::sql::inbox::{InboxSettlement, LeasedRow, RecordRow, fence, millis, readable};
use crate::store::sql::migrate::Port;

pub(super) const INBOX: Port = Port {
    name: "inbox",
    version_table: Cow::Borrowed("tas_migrations_inbox"),
    scripts: Cow::Borrowed(&[(
        "messages, names",
        Cow::Borrowed(include_str!("migrations/inbox/0001_tables.sql")),
    )]),
};

impl PostgresStore {
    /// Creates the handle that [`VerifyWebhookLayer::with_inbox`] and the worker take, for the
    /// receiver named `source`.
    ///
    /// Storing a message is one statement.
    ///
    /// [`VerifyWebhookLayer::with_inbox`]: crate::receive::verify::VerifyWebhookLayer::with_inbox
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless the name has 1 to 128 printable ASCII characters without spaces.
    pub fn inbox(&self, source: &str) -> Result<Inbox, InvalidSource> {
        Inbox::new(self.clone(), source)
    }
}

impl InboxStore for PostgresStore {
    async fn receive(
        &self,
        message: NewMessage,
        now: UnixMillis,
    ) -> Result<ReceiveOutcome, StoreError> {
        for _ in 0..TRIES {
            if let Some(received) = self.try_receive(&message, now).await? {
                if matches!(received, ReceiveOutcome::New { .. }) {
                    self.inbox_signal.notify();
                }
                return Ok(received);
            }
        }
        Err(StoreError::unavailable(Contended))
    }

    async fn lease(
        &self,
        source: &str,
        request: InboxLeaseRequest,
    ) -> Result<Vec<InboxLease>, StoreError> {
        let max_attempts = i64::from(request.max_attempts.get());
        sqlx::query(REDATE)
            .bind(source)
            .bind(to_column(request.now))
            .bind(latest(request.now, LONGEST_LEASE))
            .bind(latest(request.now, RetryPolicy::LONGEST_WAIT))
            .bind(to_column(request.until))
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
        sqlx::query(END_LAPSED)
            .bind(source)
            .bind(to_column(request.now))
            .bind(max_attempts)
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
        let rows: Vec<LeasedRow> = sqlx::query_as(LEASE)
            .bind(source)
            .bind(to_column(request.now))
            .bind(max_attempts)
            .bind(i64::from(request.max.get()))
            .bind(to_column(request.until))
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(readable(rows))
    }

    async fn settle(
        &self,
        lease: &InboxLease,
        outcome: InboxOutcome,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let to = InboxSettlement::of(outcome, now);
        let settle = of_lease(SETTLE, lease)
            .bind(to.state)
            .bind(to.due_at)
            .bind(to.ended_at)
            .bind(to.failure)
            .bind(to.status);
        self.change_leased(settle).await
    }

    async fn extend(&self, lease: &InboxLease, until: UnixMillis) -> Result<(), StoreError> {
        let extend = of_lease(EXTEND, lease).bind(to_column(until));
        self.change_leased(extend).await
    }

    async fn release(&self, lease: &InboxLease, now: UnixMillis) -> Result<(), StoreError> {
        let release = of_lease(RELEASE, lease).bind(to_column(now));
        self.change_leased(release).await?;
        self.inbox_signal.notify();
        Ok(())
    }

    async fn next_due(
        &self,
        source: &str,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        let due: Option<i64> = sqlx::query_scalar(NEXT_DUE)
            .bind(source)
            .bind(to_column(now))
            .bind(latest(now, LONGEST_LEASE))
            .bind(latest(now, RetryPolicy::LONGEST_WAIT))
            .fetch_one(&self.pool)
            .await
            .map_err(store_error)?;
        optional_time("tas_inbox.due_at", due)
    }

    async fn prune(
        &self,
        source: &str,
        before: UnixMillis,
        now: UnixMillis,
        max: NonZeroU16,
    ) -> Result<usize, StoreError> {
        let pruned = sqlx::query(PRUNE)
            .bind(source)
            .bind(to_column(before))
            .bind(to_column(now))
            .bind(i64::from(max.get()))
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(usize::try_from(pruned.rows_affected()).unwrap_or(usize::MAX))
    }

    fn listen(&self) -> QueueListener {
        self.inbox_signal.listen()
    }
}

impl InboxLog for PostgresStore {
    async fn find(&self, source: &str, id: &InboxId) -> Result<Option<InboxEntry>, StoreError> {
        let row: Option<RecordRow> = sqlx::query_as(FIND)
            .bind(source)
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(store_error)?;
        row.map(InboxEntry::try_from).transpose()
    }

    async fn failed(
        &self,
        source: &str,
        after: Option<&InboxId>,
        max: NonZeroU16,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let rows: Vec<RecordRow> = sqlx::query_as(FAILED)
            .bind(source)
            .bind(after.map_or("", InboxId::as_str))
            .bind(i64::from(max.get()))
            .fetch_all(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(readable(rows))
    }

    async fn requeue(
        &self,
        source: &str,
        id: &InboxId,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let requeued = sqlx::query(REQUEUE)
            .bind(source)
            .bind(id.as_str())
            .bind(to_column(now))
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
        self.inbox_signal.notify();
        Ok(requeued.rows_affected() > 0)
    }
}

type Statement<'a> = Query<'a, Postgres, PgArguments>;

/// Binds what names a lease and fences it: the first two parameters.
fn of_lease<'a>(sql: &'static str, lease: &'a InboxLease) -> Statement<'a> {
    sqlx::query(sql).bind(lease.id.as_str()).bind(fence(lease))
}

impl PostgresStore {
    /// `None`: another message with one of the names came between what this statement saw and what
    /// it wrote.
    async fn try_receive(
        &self,
        message: &NewMessage,
        now: UnixMillis,
    ) -> Result<Option<ReceiveOutcome>, StoreError> {
        let (keys, request) = (&message.keys, &message.request);
        let answer: Result<(i64, bool, bool), _> = sqlx::query_as(RECEIVE)
            .bind(names(keys))
            .bind(keys.id_key().map(|key| key.as_bytes().to_vec()))
            .bind(keys.body().cast_signed())
            .bind(to_column(now))
            .bind(message.id.as_str())
            .bind(&*message.source)
            .bind(millis(keys.retention()))
            .bind(&request.head()[..])
            .bind(&request.body()[..])
            .fetch_one(&self.pool)
            .await;
        let (stored, other_body, known) = match answer {
            Ok(answer) => answer,
            Err(cause) if is_torn(&cause) => return Ok(None),
            Err(cause) => return Err(store_error(cause)),
        };
        if stored > 0 {
            return Ok(Some(ReceiveOutcome::New { other_body }));
        }
        Ok(known.then_some(ReceiveOutcome::Known))
    }

    async fn change_leased(&self, change: Statement<'_>) -> Result<(), StoreError> {
        let changed = change.execute(&self.pool).await.map_err(store_error)?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::lease_lost());
        }
        Ok(())
    }
}

/// Returns the names that a message shares with no other: its own, then the request's.
fn names(keys: &DedupeKeys) -> Vec<Vec<u8>> {
    let keys = [Some(keys.key()), keys.replay_key()];
    let keys = keys.iter().flatten();
    keys.map(|key| key.as_bytes().to_vec()).collect()
}

/// Other messages with a name of this one came between again and again.
#[derive(Debug, thiserror::Error)]
#[error("other messages with a name of this one came between {TRIES} times")]
struct Contended;

/// The message and all its names, or nothing; the id is noted beside them. A message that is known gets
/// the name of the request.
///
/// What is taken is read as it was when the statement began, but a conflicting name as it is: its
/// message, if it is a new one, is not among those that are seen to be over. Where not every name
/// could be had, the division fails and so undoes the statement.
const RECEIVE: &str = "
WITH known AS (
    SELECT n.message FROM tas_inbox_names n JOIN tas_inbox m ON m.seq = n.message
    WHERE n.kind = 0 AND n.key = ANY ($1) AND (m.ended_at IS NULL OR m.ended_at > $4 - m.keep)
    ORDER BY n.key = ($1)[1] DESC LIMIT 1
), came AS (
    INSERT INTO tas_inbox_names AS old (key, kind, message, body)
    SELECT ($1)[2], 0, message, $3 FROM known WHERE cardinality($1) = 2
    ON CONFLICT (key, kind) DO UPDATE SET message = excluded.message, body = excluded.body
        WHERE EXISTS (
            SELECT FROM tas_inbox m WHERE m.seq = old.message AND m.ended_at <= $4 - m.keep)
), message AS (
    INSERT INTO tas_inbox (id, source, state, due_at, keep, received_at, head, body)
    SELECT $5, $6, 'pending', $4, $7, $4, $8, $9 WHERE NOT EXISTS (SELECT FROM known)
    RETURNING seq
), named AS (
    INSERT INTO tas_inbox_names AS old (key, kind, message, body)
    SELECT name, 0, message.seq, $3 FROM message, unnest($1) AS name
    ORDER BY name
    ON CONFLICT (key, kind) DO UPDATE SET message = excluded.message, body = excluded.body
        WHERE EXISTS (
            SELECT FROM tas_inbox m WHERE m.seq = old.message AND m.ended_at <= $4 - m.keep)
    RETURNING 1
), counted AS (
    SELECT count(*) AS names FROM named
), noted AS (
    INSERT INTO tas_inbox_names (key, kind, message, body)
    SELECT $2, 1, message.seq, $3 FROM message, counted
    WHERE $2 IS NOT NULL AND names = cardinality($1)
    ON CONFLICT (key, kind) DO UPDATE SET message = excluded.message, body = excluded.body
)
SELECT
    CASE WHEN names = cardinality($1) OR NOT EXISTS (SELECT FROM message) THEN names
        ELSE 1 / (names - names) END,
    EXISTS (SELECT FROM tas_inbox_names WHERE kind = 1 AND key = $2 AND body <> $3),
    EXISTS (SELECT FROM known)
FROM counted";

/// Messages that a clock that was ahead has dated. `$2` is the time, `$3` and `$4` are the latest
/// times to which a lease and a wait can last.
macro_rules! dated_ahead {
    () => {
        "SELECT seq FROM tas_inbox WHERE source = $1 AND attempt = 0 AND due_at > $2
UNION ALL
SELECT seq FROM tas_inbox WHERE source = $1 AND state = 'leased' AND due_at > $3
UNION ALL
SELECT seq FROM tas_inbox WHERE source = $1 AND due_at > $4"
    };
}

const REDATE: &str = concat!(
    "UPDATE tas_inbox SET due_at = CASE WHEN state = 'leased' THEN $5 ELSE $2 END
WHERE seq IN (SELECT seq FROM tas_inbox WHERE seq IN (",
    dated_ahead!(),
    ") AND due_at > $2 FOR UPDATE SKIP LOCKED)"
);

const END_LAPSED: &str = "
UPDATE tas_inbox
SET state = 'failed', due_at = NULL, ended_at = $2, failure = 'lapsed', status = NULL
WHERE seq IN (
    SELECT seq FROM tas_inbox
    WHERE source = $1 AND due_at <= $2 AND state = 'leased' AND attempt >= $3
    FOR UPDATE SKIP LOCKED)";

const LEASE: &str = "
WITH due AS (
    SELECT seq, due_at FROM tas_inbox
    WHERE source = $1 AND due_at <= $2 AND (state = 'pending' OR attempt < $3)
    ORDER BY due_at, seq LIMIT $4 FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE tas_inbox m
    SET state = 'leased', attempt = m.attempt + 1, fence = m.fence + 1, due_at = $5
    FROM due WHERE m.seq = due.seq
    RETURNING m.seq, m.id, m.attempt, m.fence, m.head, m.body, due.due_at AS since
)
SELECT id, attempt, fence, head, body FROM leased ORDER BY since, seq";

const SETTLE: &str = "
UPDATE tas_inbox
SET state = $3, due_at = $4, ended_at = $5, failure = $6, status = $7,
    head = CASE WHEN $3 = 'done' THEN NULL ELSE head END,
    body = CASE WHEN $3 = 'done' THEN NULL ELSE body END
WHERE id = $1 AND fence = $2 AND state = 'leased'";

const EXTEND: &str = "
UPDATE tas_inbox SET due_at = $3 WHERE id = $1 AND fence = $2 AND state = 'leased'";

const RELEASE: &str = "
UPDATE tas_inbox SET state = 'pending', due_at = $3, attempt = attempt - 1
WHERE id = $1 AND fence = $2 AND state = 'leased'";

const NEXT_DUE: &str = concat!(
    "SELECT CASE WHEN EXISTS (",
    dated_ahead!(),
    ") THEN $2 ELSE (SELECT min(due_at) FROM tas_inbox WHERE source = $1 AND due_at IS NOT NULL) END"
);

/// Names that others have taken over meanwhile stay.
const PRUNE: &str = "
WITH over AS (
    SELECT seq FROM tas_inbox
    WHERE source = $1 AND ended_at < $2 AND ended_at <= $3 - keep
    ORDER BY ended_at LIMIT $4 FOR UPDATE SKIP LOCKED
), names AS (
    SELECT kind, key FROM tas_inbox_names WHERE message IN (SELECT seq FROM over)
    ORDER BY kind, key FOR UPDATE
), freed AS (
    DELETE FROM tas_inbox_names n USING names
    WHERE n.kind = names.kind AND n.key = names.key AND n.message IN (SELECT seq FROM over)
)
DELETE FROM tas_inbox WHERE seq IN (SELECT seq FROM over)";

const FIND: &str = "
SELECT id, state, attempt, due_at, received_at, ended_at, failure, status, head
FROM tas_inbox WHERE source = $1 AND id = $2";

const FAILED: &str = "
SELECT id, state, attempt, due_at, received_at, ended_at, failure, status, head
FROM tas_inbox WHERE source = $1 AND state = 'failed' AND id > $2
ORDER BY id LIMIT $3";

/// Not what has lost its names to a later message.
const REQUEUE: &str = "
UPDATE tas_inbox SET state = 'pending', due_at = $3, ended_at = NULL, attempt = 0
WHERE source = $1 AND id = $2 AND state = 'failed'
    AND EXISTS (SELECT FROM tas_inbox_names WHERE kind = 0 AND message = seq)";

/// Returns whether a statement undid itself because another one came between.
fn is_torn(cause: &sqlx::Error) -> bool {
    code(cause).as_deref() == Some(DIVISION_BY_ZERO)
}

// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const DIVISION_BY_ZERO: &str = "22012";
