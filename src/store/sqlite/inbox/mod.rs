//! The inbox: a row per message, and one per name of it.

mod sql;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::num::NonZeroU16;

use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection, SqliteExecutor, query::Query};

use self::sql::{
    DELETE_MESSAGES, DELETE_NAMES, END_LAPSED, EXTEND, FAILED, FIND, INSERT, INSERT_NAMES,
    LEAVE_REPLAY_KEY, MARK_LEASED, NEXT_DUE, REDATE, RELEASE, REQUEUE, SEEN_WITH_OTHER_BODY,
    SELECT_DUE, SELECT_OVER, SETTLE, TAKEN,
};
use super::SqliteStore;
use super::error::store_error;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::RetryPolicy;
use crate::queue::{LONGEST_LEASE, QueueListener};
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
        Cow::Borrowed(include_str!("../migrations/inbox/0001_tables.sql")),
    )]),
};

impl SqliteStore {
    /// Creates the handle that [`VerifyWebhookLayer::with_inbox`] and the worker take, for the
    /// receiver named `source`.
    ///
    /// Processes that open the same file share what was received. A message that was answered 202 has
    /// been written durably.
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

impl InboxStore for SqliteStore {
    async fn receive(
        &self,
        message: NewMessage,
        now: UnixMillis,
    ) -> Result<ReceiveOutcome, StoreError> {
        self.inner.integrity.check(self.reader()).await?;
        let mut write = self.write().await?;
        let conn = write.conn();
        if let Some(known) = taken(conn, &message, now).await? {
            if leave_replay_key(conn, &message, known, now).await? {
                write.commit().await?;
            }
            return Ok(ReceiveOutcome::Known);
        }
        let other_body = seen_with_other_body(conn, &message).await?;
        let number = insert(conn, &message, now).await?;
        insert_names(conn, &message, number).await?;
        write.commit().await?;
        self.inner.inbox_signal.notify();
        Ok(ReceiveOutcome::New { other_body })
    }

    async fn lease(
        &self,
        source: &str,
        request: InboxLeaseRequest,
    ) -> Result<Vec<InboxLease>, StoreError> {
        self.inner.integrity.begin(self.reader());
        let mut write = self.write().await?;
        let due = self.noting(lease(write.conn(), source, request).await)?;
        write.commit().await?;
        Ok(readable(due))
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
        self.inner.inbox_signal.notify();
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
            .fetch_one(self.reader())
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
        // Asked on a connection for reading first: most of the time there is nothing to write.
        let one = select_over(self.reader(), source, before, now, NonZeroU16::MIN).await?;
        if one.is_empty() {
            return Ok(0);
        }
        let mut write = self.write().await?;
        let over = select_over(write.conn(), source, before, now, max).await?;
        delete(write.conn(), &over).await?;
        write.commit().await?;
        Ok(over.len())
    }

    fn listen(&self) -> QueueListener {
        self.inner.inbox_signal.listen()
    }
}

impl InboxLog for SqliteStore {
    async fn find(&self, source: &str, id: &InboxId) -> Result<Option<InboxEntry>, StoreError> {
        let row: Option<RecordRow> = sqlx::query_as(FIND)
            .bind(source)
            .bind(id.as_str())
            .fetch_optional(self.reader())
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
            .bind(max.get())
            .fetch_all(self.reader())
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
        let mut write = self.write().await?;
        let requeued = sqlx::query(REQUEUE)
            .bind(source)
            .bind(id.as_str())
            .bind(to_column(now))
            .execute(write.conn())
            .await
            .map_err(store_error)?;
        write.commit().await?;
        self.inner.inbox_signal.notify();
        Ok(requeued.rows_affected() > 0)
    }
}

type Statement<'a> = Query<'a, Sqlite, SqliteArguments>;

/// Binds what names a lease and fences it: the first two parameters.
fn of_lease<'a>(sql: &'static str, lease: &'a InboxLease) -> Statement<'a> {
    sqlx::query(sql).bind(lease.id.as_str()).bind(fence(lease))
}

impl SqliteStore {
    async fn change_leased(&self, change: Statement<'_>) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let changed = change.execute(write.conn()).await.map_err(store_error)?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::lease_lost());
        }
        write.commit().await
    }
}

/// Returns the number of the message that has taken one of the names.
async fn taken(
    conn: &mut SqliteConnection,
    message: &NewMessage,
    now: UnixMillis,
) -> Result<Option<i64>, StoreError> {
    let keys = &message.keys;
    sqlx::query_scalar(TAKEN)
        .bind(keys.key().as_bytes().to_vec())
        .bind(keys.replay_key().map(|key| key.as_bytes().to_vec()))
        .bind(to_column(now))
        .fetch_optional(conn)
        .await
        .map_err(store_error)
}

/// Gives the request's name to the message that was stored. Returns whether that changed anything.
async fn leave_replay_key(
    conn: &mut SqliteConnection,
    message: &NewMessage,
    known: i64,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let Some(replay_key) = message.keys.replay_key() else {
        return Ok(false);
    };
    let left = sqlx::query(LEAVE_REPLAY_KEY)
        .bind(replay_key.as_bytes().to_vec())
        .bind(known)
        .bind(message.keys.body().cast_signed())
        .bind(to_column(now))
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(left.rows_affected() > 0)
}

async fn seen_with_other_body(
    conn: &mut SqliteConnection,
    message: &NewMessage,
) -> Result<bool, StoreError> {
    let Some(id_key) = message.keys.id_key() else {
        return Ok(false);
    };
    sqlx::query_scalar(SEEN_WITH_OTHER_BODY)
        .bind(id_key.as_bytes().to_vec())
        .bind(message.keys.body().cast_signed())
        .fetch_one(conn)
        .await
        .map_err(store_error)
}

/// Returns the message's number.
async fn insert(
    conn: &mut SqliteConnection,
    message: &NewMessage,
    now: UnixMillis,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(INSERT)
        .bind(message.id.as_str())
        .bind(&*message.source)
        .bind(to_column(now))
        .bind(millis(message.keys.retention()))
        .bind(&message.request.head()[..])
        .bind(&message.request.body()[..])
        .fetch_one(conn)
        .await
        .map_err(store_error)
}

async fn insert_names(
    conn: &mut SqliteConnection,
    message: &NewMessage,
    number: i64,
) -> Result<(), StoreError> {
    let keys = &message.keys;
    sqlx::query(INSERT_NAMES)
        .bind(keys.key().as_bytes().to_vec())
        .bind(keys.replay_key().map(|key| key.as_bytes().to_vec()))
        .bind(keys.id_key().map(|key| key.as_bytes().to_vec()))
        .bind(number)
        .bind(keys.body().cast_signed())
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn lease(
    conn: &mut SqliteConnection,
    source: &str,
    request: InboxLeaseRequest,
) -> Result<Vec<LeasedRow>, StoreError> {
    redate(conn, source, request).await?;
    end_lapsed(conn, source, request).await?;
    let due = select_due(conn, source, request).await?;
    mark_leased(conn, &due, request.until).await?;
    Ok(due)
}

/// Dates anew what a clock that was ahead has dated.
async fn redate(
    conn: &mut SqliteConnection,
    source: &str,
    request: InboxLeaseRequest,
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
    request: InboxLeaseRequest,
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
    request: InboxLeaseRequest,
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

/// Returns the numbers of messages that are over and whose names are free.
async fn select_over(
    conn: impl SqliteExecutor<'_>,
    source: &str,
    before: UnixMillis,
    now: UnixMillis,
    max: NonZeroU16,
) -> Result<Vec<i64>, StoreError> {
    sqlx::query_scalar(SELECT_OVER)
        .bind(source)
        .bind(to_column(before))
        .bind(to_column(now))
        .bind(max.get())
        .fetch_all(conn)
        .await
        .map_err(store_error)
}

async fn delete(conn: &mut SqliteConnection, messages: &[i64]) -> Result<(), StoreError> {
    // Numbers cannot fail to serialize.
    let messages = serde_json::to_string(messages).unwrap_or_default();
    for statement in [DELETE_NAMES, DELETE_MESSAGES] {
        sqlx::query(statement)
            .bind(&messages)
            .execute(&mut *conn)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}
