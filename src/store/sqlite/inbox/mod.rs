//! The inbox: a row for each message. Its keys are rows of the dedupe port.

mod sql;

use std::borrow::Cow;
use std::num::NonZeroU16;

use sqlx::SqliteConnection;

use self::sql::{
    DELETE, END_KEYS, END_LAPSED, FINISHED, HOLD_KEYS, INSERT, LEAVE_KEYS, MARK_LEASED, NEXT_DUE,
    REDATE, REQUEUE, SELECT_DUE, SETTLE,
};
use super::SqliteStore;
use super::dedupe::claim_keys;
use crate::base::actor::Actor;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::{LeaseRequest, QueueListener};
use crate::receive::dedupe::{Claimed, InvalidSource};
use crate::receive::inbox::{
    Inbox, InboxEntry, InboxLease, InboxLog, InboxOutcome, InboxStore, NewMessage,
};
use crate::store::sql::columns::optional_time;
use crate::store::sql::dedupe::Claim;
use crate::store::sql::inbox::{
    self as bind, EXTEND, EntryRow, FAILED, FIND, LeasedRow, RELEASE, readable,
};
use crate::store::sql::migrate::Port;
use crate::store::sql::statement::Statement;

pub(super) const INBOX: Port = Port {
    name: "inbox",
    version_table: Cow::Borrowed("tas_migrations_inbox"),
    scripts: Cow::Borrowed(&[
        (
            "messages, names",
            Cow::Borrowed(include_str!("../migrations/inbox/0001_tables.sql")),
        ),
        (
            "keys",
            Cow::Borrowed(include_str!("../migrations/inbox/0002_keys.sql")),
        ),
        (
            "owners",
            Cow::Borrowed(include_str!("../migrations/inbox/0003_owners.sql")),
        ),
    ]),
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
        let claimed = claim_keys(write.conn(), &Claim::of_message(&message, now)).await?;
        let is_new = matches!(claimed, Claimed::Fresh { .. });
        if is_new {
            let insert = Statement::new(INSERT).text(message.id.as_str()).time(now);
            let insert = bind::message(insert, &message);
            insert.execute(write.conn()).await?;
        }
        write.commit().await?;
        if is_new {
            self.inner.inbox_signal.notify();
        }
        Ok(claimed)
    }

    async fn lease(
        &self,
        source: &str,
        request: LeaseRequest,
    ) -> Result<Vec<InboxLease>, StoreError> {
        self.inner.integrity.begin(self.reader());
        let mut write = self.write().await?;
        let due = self.note_damage(lease(write.conn(), source, &request).await)?;
        write.commit().await?;
        Ok(readable(due))
    }

    async fn settle(
        &self,
        lease: &InboxLease,
        outcome: InboxOutcome,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let settle = bind::settle(SETTLE, lease, outcome, now);
        settle.execute_under_lease(write.conn()).await?;
        end_keys(write.conn(), lease.id.as_str()).await?;
        write.commit().await
    }

    async fn extend(&self, lease: &InboxLease, until: UnixMillis) -> Result<(), StoreError> {
        self.change_leased(bind::set_due(EXTEND, lease, until))
            .await
    }

    async fn release(&self, lease: &InboxLease, now: UnixMillis) -> Result<(), StoreError> {
        self.change_leased(bind::set_due(RELEASE, lease, now))
            .await?;
        self.inner.inbox_signal.notify();
        Ok(())
    }

    async fn next_due(
        &self,
        source: &str,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        let next_due = bind::next_due(NEXT_DUE, source, now);
        let (due,): (Option<i64>,) = next_due.fetch_one(self.reader()).await?;
        optional_time("tas_inbox.due_at", due)
    }

    async fn prune(
        &self,
        source: &str,
        before: UnixMillis,
        max: NonZeroU16,
    ) -> Result<usize, StoreError> {
        // The first query uses a connection for reading: most of the time there is nothing to delete.
        let finished = bind::batch(FINISHED, source, before, NonZeroU16::MIN);
        let one: Option<(i64,)> = finished.fetch_optional(self.reader()).await?;
        if one.is_none() {
            return Ok(0);
        }
        let mut write = self.write().await?;
        let leave = bind::batch(LEAVE_KEYS, source, before, max);
        leave.execute(write.conn()).await?;
        let delete = bind::batch(DELETE, source, before, max);
        let deleted = delete.execute(write.conn()).await?;
        write.commit().await?;
        Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
    }

    fn listen(&self) -> QueueListener {
        self.inner.inbox_signal.listen()
    }
}

impl InboxLog for SqliteStore {
    async fn find(&self, source: &str, id: &InboxId) -> Result<Option<InboxEntry>, StoreError> {
        let find = bind::find(FIND, source, id);
        let row: Option<EntryRow> = find.fetch_optional(self.reader()).await?;
        row.map(InboxEntry::try_from).transpose()
    }

    async fn failed(
        &self,
        source: &str,
        after: Option<&InboxId>,
        max: NonZeroU16,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let failed = bind::failed(FAILED, source, after, max);
        let rows: Vec<EntryRow> = failed.fetch_all(self.reader()).await?;
        Ok(readable(rows))
    }

    async fn requeue(
        &self,
        source: &str,
        id: &InboxId,
        _actor: &Actor,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let requeue = bind::find(REQUEUE, source, id).time(now);
        let requeued = requeue.execute(write.conn()).await? > 0;
        if requeued {
            let hold = Statement::new(HOLD_KEYS).text(id.as_str());
            hold.execute(write.conn()).await?;
        }
        write.commit().await?;
        self.inner.inbox_signal.notify();
        Ok(requeued)
    }
}

/// Leases due messages.
async fn lease(
    conn: &mut SqliteConnection,
    source: &str,
    request: &LeaseRequest,
) -> Result<Vec<LeasedRow>, StoreError> {
    let redate = bind::redate(REDATE, source, request);
    redate.execute(&mut *conn).await?;
    let end_lapsed = bind::end_lapsed(END_LAPSED, source, request);
    let lapsed: Vec<(String,)> = end_lapsed.fetch_all(&mut *conn).await?;
    for (id,) in &lapsed {
        end_keys(conn, id).await?;
    }
    let select_due = bind::batch(SELECT_DUE, source, request.now, request.max);
    let due: Vec<LeasedRow> = select_due.fetch_all(&mut *conn).await?;
    let ids: Vec<&str> = due.iter().map(|row| &*row.id).collect();
    // Texts cannot fail to serialize.
    let ids = serde_json::to_string(&ids).unwrap_or_default();
    let mark_leased = Statement::new(MARK_LEASED).text(&*ids).time(request.until);
    mark_leased.execute(conn).await?;
    Ok(due)
}

/// Gives the keys of a message an end, if it is finished.
async fn end_keys(conn: &mut SqliteConnection, id: &str) -> Result<(), StoreError> {
    Statement::new(END_KEYS).text(id).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
