//! Reading and requeueing messages.

use std::num::NonZeroU16;

use super::sql::{FAILED, FIND, REQUEUE};
use crate::base::actor::Actor;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::receive::inbox::{InboxEntry, InboxLog};
use crate::store::sql::columns::to_column;
use crate::store::sql::inbox::{EntryRow, readable};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::error::store_error;

impl InboxLog for SqliteStore {
    async fn find(&self, source: &str, id: &InboxId) -> Result<Option<InboxEntry>, StoreError> {
        let row: Option<EntryRow> = sqlx::query_as(FIND)
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
        let rows: Vec<EntryRow> = sqlx::query_as(FAILED)
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
        _actor: &Actor,
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
