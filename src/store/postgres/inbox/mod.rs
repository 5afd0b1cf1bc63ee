//! The inbox: a row for each message. Its keys are rows of the dedupe port.
//!
//! # Locks
//!
//! * Leasing, settling, requeueing and deleting lock messages first, then their keys. Storing and
//!   claiming lock keys only, one of each kind in the same order of kinds.
//! * No statement waits for a message while it holds another or a key: those that lock several messages
//!   skip locked ones.
//! * Those that lock the keys of several messages lock them in order. A claim that waits for the key of
//!   a message holds no other.
//!
//! So no two statements can wait for each other.

mod sql;

use std::borrow::Cow;
use std::num::NonZeroU16;

use self::sql::{END_LAPSED, LEASE, NEXT_DUE, PRUNE, REDATE, REQUEUE, SETTLE};
use super::PostgresStore;
use super::dedupe::RECEIVE;
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
        let claim = Claim::of_message(&message, now);
        let receive = || bind::message(claim.claim(RECEIVE), &message);
        let claimed = self.claim_keys(&claim, receive).await?;
        if matches!(claimed, Claimed::Fresh { .. }) {
            self.inbox_signal.notify();
        }
        Ok(claimed)
    }

    async fn lease(
        &self,
        source: &str,
        request: LeaseRequest,
    ) -> Result<Vec<InboxLease>, StoreError> {
        let redate = bind::redate(REDATE, source, &request);
        redate.execute(&self.pool).await?;
        let end_lapsed = bind::end_lapsed(END_LAPSED, source, &request);
        end_lapsed.execute(&self.pool).await?;
        let lease = bind::end_lapsed(LEASE, source, &request);
        let lease = lease.int(i64::from(request.max.get())).time(request.until);
        Ok(readable::<LeasedRow, _>(lease.fetch_all(&self.pool).await?))
    }

    async fn settle(
        &self,
        lease: &InboxLease,
        outcome: InboxOutcome,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let settle = bind::settle(SETTLE, lease, outcome, now);
        settle.execute_under_lease(&self.pool).await
    }

    async fn extend(&self, lease: &InboxLease, until: UnixMillis) -> Result<(), StoreError> {
        let extend = bind::set_due(EXTEND, lease, until);
        extend.execute_under_lease(&self.pool).await
    }

    async fn release(&self, lease: &InboxLease, now: UnixMillis) -> Result<(), StoreError> {
        let release = bind::set_due(RELEASE, lease, now);
        release.execute_under_lease(&self.pool).await?;
        self.inbox_signal.notify();
        Ok(())
    }

    async fn next_due(
        &self,
        source: &str,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        let next_due = bind::next_due(NEXT_DUE, source, now);
        let (due,): (Option<i64>,) = next_due.fetch_one(&self.pool).await?;
        optional_time("tas_inbox.due_at", due)
    }

    async fn prune(
        &self,
        source: &str,
        before: UnixMillis,
        max: NonZeroU16,
    ) -> Result<usize, StoreError> {
        let prune = bind::batch(PRUNE, source, before, max);
        let deleted = prune.execute(&self.pool).await?;
        Ok(usize::try_from(deleted).unwrap_or(usize::MAX))
    }

    fn listen(&self) -> QueueListener {
        self.inbox_signal.listen()
    }
}

impl InboxLog for PostgresStore {
    async fn find(&self, source: &str, id: &InboxId) -> Result<Option<InboxEntry>, StoreError> {
        let find = bind::find(FIND, source, id);
        let row: Option<EntryRow> = find.fetch_optional(&self.pool).await?;
        row.map(InboxEntry::try_from).transpose()
    }

    async fn failed(
        &self,
        source: &str,
        after: Option<&InboxId>,
        max: NonZeroU16,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let failed = bind::failed(FAILED, source, after, max);
        let rows: Vec<EntryRow> = failed.fetch_all(&self.pool).await?;
        Ok(readable(rows))
    }

    async fn requeue(
        &self,
        source: &str,
        id: &InboxId,
        _actor: &Actor,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let requeue = bind::find(REQUEUE, source, id).time(now);
        let requeued = requeue.execute(&self.pool).await? > 0;
        self.inbox_signal.notify();
        Ok(requeued)
    }
}
