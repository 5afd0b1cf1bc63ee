//! The inbox: a row for each message, and a row for each of its keys.

mod lease;
mod log;
mod prune;
mod sql;

use std::borrow::Cow;
use std::num::NonZeroU16;

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

use self::sql::{
    EXTEND, INSERT, INSERT_KEYS, INSERT_REPLAY_KEY, NEXT_DUE, RELEASE, SELECT_KNOWN, SETTLE,
    WAS_SEEN_WITH_OTHER_BODY,
};
use super::SqliteStore;
use super::error::store_error;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{LONGEST_LEASE, LeaseRequest, QueueListener, RetryPolicy};
use crate::receive::dedupe::{Claimed, InvalidSource};
use crate::receive::inbox::{Inbox, InboxLease, InboxOutcome, InboxStore, NewMessage};
use crate::store::sql::columns::{latest, optional_time, to_column};
use crate::store::sql::inbox::{OutcomeColumns, fence, millis, readable};
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
    /// Creates the inbox of `source`, for [`VerifyWebhookLayer::with_inbox`] and the worker.
    ///
    /// Processes that open the same file share the messages. A response `202` means that the message is
    /// stored durably.
    ///
    /// [`VerifyWebhookLayer::with_inbox`]: crate::receive::verify::VerifyWebhookLayer::with_inbox
    ///
    /// ```
    /// use tower_auth_sync::store::sqlite::SqliteStore;
    /// use tower_auth_sync::verify::VerifyWebhookLayer;
    ///
    /// # fn example(
    /// #     store: SqliteStore,
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

impl InboxStore for SqliteStore {
    async fn receive(&self, message: NewMessage, now: UnixMillis) -> Result<Claimed, StoreError> {
        self.inner.integrity.check(self.reader()).await?;
        let mut write = self.write().await?;
        let conn = write.conn();
        if let Some(known) = select_known(conn, &message, now).await? {
            if insert_replay_key(conn, &message, known, now).await? {
                write.commit().await?;
            }
            return Ok(Claimed::Done);
        }
        let other_body = was_seen_with_other_body(conn, &message).await?;
        let number = insert(conn, &message, now).await?;
        insert_keys(conn, &message, number).await?;
        write.commit().await?;
        self.inner.inbox_signal.notify();
        Ok(Claimed::Fresh { other_body })
    }

    async fn lease(
        &self,
        source: &str,
        request: LeaseRequest,
    ) -> Result<Vec<InboxLease>, StoreError> {
        self.inner.integrity.begin(self.reader());
        let mut write = self.write().await?;
        let due = self.note_damage(lease::lease(write.conn(), source, request).await)?;
        write.commit().await?;
        Ok(readable(due))
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
        max: NonZeroU16,
    ) -> Result<usize, StoreError> {
        // The first query uses a connection for reading: most of the time there is nothing to delete.
        let one = prune::select(self.reader(), source, before, before, NonZeroU16::MIN).await?;
        if one.is_empty() {
            return Ok(0);
        }
        let mut write = self.write().await?;
        let finished = prune::select(write.conn(), source, before, before, max).await?;
        prune::delete(write.conn(), &finished).await?;
        write.commit().await?;
        Ok(finished.len())
    }

    fn listen(&self) -> QueueListener {
        self.inner.inbox_signal.listen()
    }
}

type Statement<'a> = Query<'a, Sqlite, SqliteArguments>;

/// Binds the lease's id and fence: the first two parameters.
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

/// Returns the number of the message that has claimed one of the keys.
async fn select_known(
    conn: &mut SqliteConnection,
    message: &NewMessage,
    now: UnixMillis,
) -> Result<Option<i64>, StoreError> {
    let keys = &message.keys;
    sqlx::query_scalar(SELECT_KNOWN)
        .bind(keys.key().as_bytes().to_vec())
        .bind(keys.replay_key().map(|key| key.as_bytes().to_vec()))
        .bind(to_column(now))
        .fetch_optional(conn)
        .await
        .map_err(store_error)
}

/// Gives the request's key to the stored message. Returns whether that changed a row.
async fn insert_replay_key(
    conn: &mut SqliteConnection,
    message: &NewMessage,
    known: i64,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let Some(replay_key) = message.keys.replay_key() else {
        return Ok(false);
    };
    let inserted = sqlx::query(INSERT_REPLAY_KEY)
        .bind(replay_key.as_bytes().to_vec())
        .bind(known)
        .bind(message.keys.body().cast_signed())
        .bind(to_column(now))
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(inserted.rows_affected() > 0)
}

async fn was_seen_with_other_body(
    conn: &mut SqliteConnection,
    message: &NewMessage,
) -> Result<bool, StoreError> {
    let Some(id_key) = message.keys.id_key() else {
        return Ok(false);
    };
    sqlx::query_scalar(WAS_SEEN_WITH_OTHER_BODY)
        .bind(id_key.as_bytes().to_vec())
        .bind(message.keys.body().cast_signed())
        .fetch_one(conn)
        .await
        .map_err(store_error)
}

/// Inserts a message and returns its number.
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

async fn insert_keys(
    conn: &mut SqliteConnection,
    message: &NewMessage,
    number: i64,
) -> Result<(), StoreError> {
    let keys = &message.keys;
    sqlx::query(INSERT_KEYS)
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

#[cfg(test)]
mod tests;
