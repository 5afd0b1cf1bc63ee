//! The outbox and the delivery log.

mod fan_out;
mod sql;

pub(super) use self::fan_out::FanOut;

use std::borrow::Cow;
use std::num::NonZeroU16;
use std::sync::Arc;

use sqlx::{Connection as _, SqliteConnection};

use super::SqliteStore;
use super::error::store_error;
use crate::base::clock::UnixMillis;
use crate::base::entropy::Entropy;
use crate::base::erased::become_handles;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, MessageId};
use crate::queue::{LeaseRequest, QueueListener};
use crate::send::outbox::{
    Attempt, Deliveries, Delivery, DeliveryLease, DeliveryLog, Endpoints, Inserted, NewEvent,
    Outbox, OutboxConnection, OutboxStore, Settled, Settlement,
};
use crate::store::sql::columns::optional_time;
use crate::store::sql::delivery_log::{
    AttemptRow, DeliveryRow, select_attempts, select_deliveries,
};
use crate::store::sql::migrate::Port;
use crate::store::sql::outbox::enqueue::{insert_deliveries, insert_events};
use crate::store::sql::outbox::lease::{lease, next_due};
use crate::store::sql::outbox::prune::{prune, select_finished};
use crate::store::sql::outbox::settle::{extend, release, settle};
use crate::store::sql::outbox::{OutboxSql as _, Subscribers};
use crate::store::sql::statement::Statement;

pub(super) const DELIVERY: Port = Port {
    name: "delivery",
    version_table: Cow::Borrowed("tas_migrations_delivery"),
    scripts: Cow::Borrowed(&[
        (
            "events, endpoints, deliveries, attempts",
            Cow::Borrowed(include_str!("../migrations/delivery/0001_tables.sql")),
        ),
        (
            "the generation of the fan-out",
            Cow::Borrowed(include_str!("../migrations/delivery/0002_fan_out.sql")),
        ),
    ]),
};

impl OutboxStore for SqliteStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.integrity.check(self.reader()).await?;
        self.check_writable().await
    }

    async fn enqueue(
        &self,
        events: Vec<NewEvent>,
        now: UnixMillis,
    ) -> Result<Vec<Inserted>, StoreError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        self.inner.integrity.check(self.reader()).await?;
        let mut write = self.write().await?;
        let fan_out = Some(&self.inner.fan_out);
        let inserted = enqueue(write.conn(), fan_out, &events, now, &*self.entropy).await;
        let inserted = self.note_damage(inserted)?;
        write.commit().await?;
        self.inner.signal.notify();
        Ok(inserted)
    }

    async fn lease(
        &self,
        per_endpoint: NonZeroU16,
        request: LeaseRequest,
    ) -> Result<Vec<DeliveryLease>, StoreError> {
        self.inner.integrity.begin(self.reader());
        let mut write = self.write().await?;
        let leases = self.note_damage(lease(write.conn(), per_endpoint, &request).await)?;
        write.commit().await?;
        Ok(leases)
    }

    async fn settle(
        &self,
        lease: &DeliveryLease,
        settlement: Settlement,
        now: UnixMillis,
    ) -> Result<Settled, StoreError> {
        let mut write = self.write().await?;
        let settled = settle(write.conn(), lease, &settlement, now).await;
        let settled = self.note_damage(settled)?;
        write.commit().await?;
        Ok(settled)
    }

    async fn extend(&self, lease: &DeliveryLease, until: UnixMillis) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        extend(lease, until)
            .execute_under_lease(write.conn())
            .await?;
        write.commit().await
    }

    async fn release(&self, lease: &DeliveryLease, now: UnixMillis) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        release(write.conn(), lease, now).await?;
        write.commit().await?;
        self.inner.signal.notify();
        Ok(())
    }

    async fn next_due(
        &self,
        per_endpoint: NonZeroU16,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        let select = next_due(SqliteConnection::NEXT_DUE, per_endpoint, now);
        let (due,): (Option<i64>,) = self.note_damage(select.fetch_one(self.reader()).await)?;
        optional_time("tas_deliveries.due_at", due)
    }

    async fn prune(&self, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
        // The first query uses a connection for reading: most of the time there is nothing to delete.
        let sql = SqliteConnection::SELECT_FINISHED;
        let one = select_finished(sql, before, NonZeroU16::MIN);
        if one
            .fetch_optional::<_, (i64,)>(self.reader())
            .await?
            .is_none()
        {
            return Ok(0);
        }
        let mut write = self.write().await?;
        let pruned = prune(write.conn(), before, max).await?;
        write.commit().await?;
        Ok(pruned)
    }

    fn listen(&self) -> QueueListener {
        self.inner.signal.listen()
    }
}

impl SqliteStore {
    /// Fails if the database is read-only.
    pub(super) async fn check_writable(&self) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        Statement::new(DELETE_NOTHING).execute(write.conn()).await?;
        write.commit().await
    }
}

impl DeliveryLog for SqliteStore {
    async fn of_event(&self, event: &MessageId) -> Result<Vec<Delivery>, StoreError> {
        let select = select_deliveries(event);
        let rows: Vec<DeliveryRow> = select.fetch_all(self.reader()).await?;
        rows.into_iter().map(Delivery::try_from).collect()
    }

    async fn attempts(&self, delivery: &DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        let select = select_attempts(delivery);
        let rows: Vec<AttemptRow> = select.fetch_all(self.reader()).await?;
        rows.into_iter().map(Attempt::try_from).collect()
    }
}

impl OutboxConnection for SqliteConnection {
    async fn enqueue(
        &mut self,
        events: Vec<NewEvent>,
        now: UnixMillis,
        entropy: &dyn Entropy,
    ) -> Result<Vec<Inserted>, StoreError> {
        // Inside a transaction this is a savepoint.
        let mut tx = self.begin().await.map_err(store_error)?;
        let inserted = enqueue(&mut tx, None, &events, now, entropy).await?;
        tx.commit().await.map_err(store_error)?;
        Ok(inserted)
    }
}

become_handles!(SqliteStore => Outbox, Endpoints, Deliveries);

/// Stores events and their deliveries in the open transaction of `conn`. Without `fan_out` the endpoints
/// are read again.
async fn enqueue(
    conn: &mut SqliteConnection,
    fan_out: Option<&FanOut>,
    events: &[NewEvent],
    now: UnixMillis,
    entropy: &dyn Entropy,
) -> Result<Vec<Inserted>, StoreError> {
    let numbers = insert_events(conn, events, now).await?;
    let subscribers = match fan_out {
        _ if numbers.is_empty() => None,
        Some(fan_out) => Some(fan_out.subscribers(conn, now).await?),
        None => Some(Arc::new(Subscribers::select(conn, now).await?)),
    };
    let subscribers = subscribers.as_deref();
    insert_deliveries(conn, events, numbers, subscribers, now, entropy).await
}

/// Changes nothing, but fails on a read-only file.
const DELETE_NOTHING: &str = "DELETE FROM tas_events WHERE seq IS NULL";

#[cfg(test)]
mod tests;
