//! The inbox: a row for each message, and a row for each of its keys.
//!
//! # Locks
//!
//! Leasing, settling and deleting lock a message's row. No statement waits for a message's row while
//! it holds another, because leasing and deleting skip locked rows. Storing and deleting lock keys in
//! the order of their kind and key. So no two statements can wait for each other.

mod log;
mod sql;

use std::borrow::Cow;
use std::num::NonZeroU16;

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use self::sql::{END_LAPSED, EXTEND, LEASE, NEXT_DUE, PRUNE, RECEIVE, REDATE, RELEASE, SETTLE};
use super::PostgresStore;
use super::dedupe::TRIES;
use super::error::{code, store_error};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{LONGEST_LEASE, LeaseRequest, QueueListener, RetryPolicy};
use crate::receive::dedupe::{Claimed, DedupeKeys, InvalidSource};
use crate::receive::inbox::{Inbox, InboxLease, InboxOutcome, InboxStore, NewMessage};
use crate::store::sql::columns::{latest, optional_time, to_column};
use crate::store::sql::inbox::{LeasedRow, OutcomeColumns, fence, millis, readable};
use crate::store::sql::migrate::Port;

pub(super) const INBOX: Port = Port {
    name: "inbox",
    version_table: Cow::Borrowed("tas_migrations_inbox"),
    scripts: Cow::Borrowed(&[(
        "messages, names",
        Cow::Borrowed(include_str!("../migrations/inbox/0001_tables.sql")),
    )]),
};

impl PostgresStore {
    /// Creates the inbox of `source`, for [`VerifyWebhookLayer::with_inbox`] and the worker.
    ///
    /// Storing a message is one statement.
    ///
    /// [`VerifyWebhookLayer::with_inbox`]: crate::receive::verify::VerifyWebhookLayer::with_inbox
    ///
    /// ```
    /// use tower_auth_sync::store::postgres::PostgresStore;
    /// use tower_auth_sync::verify::VerifyWebhookLayer;
    ///
    /// # fn example(
    /// #     store: PostgresStore,
    /// #     layer: VerifyWebhookLayer,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = layer.with_inbox(store.inbox("crm")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless `source` has 1 to 128 printable ASCII characters without spaces.
    pub fn inbox(&self, source: &str) -> Result<Inbox, InvalidSource> {
        Inbox::new(self.clone(), source)
    }
}

impl InboxStore for PostgresStore {
    async fn receive(&self, message: NewMessage, now: UnixMillis) -> Result<Claimed, StoreError> {
        for _ in 0..TRIES {
            if let Some(received) = self.try_receive(&message, now).await? {
                if matches!(received, Claimed::Fresh { .. }) {
                    self.inbox_signal.notify();
                }
                return Ok(received);
            }
        }
        Err(StoreError::unavailable(InboxContention))
    }

    async fn lease(
        &self,
        source: &str,
        request: LeaseRequest,
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
        let to = OutcomeColumns::of(outcome, now);
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
        max: NonZeroU16,
    ) -> Result<usize, StoreError> {
        let pruned = sqlx::query(PRUNE)
            .bind(source)
            .bind(to_column(before))
            .bind(i64::MAX)
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

type Statement<'a> = Query<'a, Postgres, PgArguments>;

/// Binds the lease's id and fence: the first two parameters.
fn of_lease<'a>(sql: &'static str, lease: &'a InboxLease) -> Statement<'a> {
    sqlx::query(sql).bind(lease.id.as_str()).bind(fence(lease))
}

impl PostgresStore {
    /// Stores a message. `None` means that another message with one of the keys was stored after this
    /// statement's snapshot.
    async fn try_receive(
        &self,
        message: &NewMessage,
        now: UnixMillis,
    ) -> Result<Option<Claimed>, StoreError> {
        let (keys, request) = (&message.keys, &message.request);
        let answer: Result<(i64, bool, bool), _> = sqlx::query_as(RECEIVE)
            .bind(unique_keys(keys))
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
            Err(cause) if is_key_conflict(&cause) => return Ok(None),
            Err(cause) => return Err(store_error(cause)),
        };
        if stored > 0 {
            return Ok(Some(Claimed::Fresh { other_body }));
        }
        Ok(known.then_some(Claimed::Done))
    }

    async fn change_leased(&self, change: Statement<'_>) -> Result<(), StoreError> {
        let changed = change.execute(&self.pool).await.map_err(store_error)?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::lease_lost());
        }
        Ok(())
    }
}

/// Returns the keys that a message shares with no other: its own, then the request's.
fn unique_keys(keys: &DedupeKeys) -> Vec<Vec<u8>> {
    let keys = [Some(keys.key()), keys.replay_key()];
    let keys = keys.iter().flatten();
    keys.map(|key| key.as_bytes().to_vec()).collect()
}

/// Other calls claimed a key of this message again and again.
#[derive(Debug, thiserror::Error)]
#[error("other messages claimed a key of this one {TRIES} times during one call")]
struct InboxContention;

/// Returns whether a statement rolled itself back because another one claimed a key.
fn is_key_conflict(cause: &sqlx::Error) -> bool {
    code(cause).as_deref() == Some(DIVISION_BY_ZERO)
}

// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
const DIVISION_BY_ZERO: &str = "22012";
