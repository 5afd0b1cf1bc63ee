//! The outbox and the delivery log.

mod due_row;
mod enqueue;
mod fan_out;
mod lease;
mod log;
mod prune;
mod settle;

pub(super) use self::fan_out::FanOut;

use std::borrow::Cow;
use std::num::NonZeroU16;

use sqlx::{Connection as _, SqliteConnection};

use super::SqliteStore;
use super::error::store_error;
use crate::base::clock::UnixMillis;
use crate::base::entropy::Entropy;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, MessageId};
use crate::queue::{LeaseRequest, QueueListener};
use crate::send::outbox::{
    Attempt, Delivery, DeliveryLease, DeliveryLog, Inserted, NewEvent, OutboxConnection,
    OutboxStore, Settled, Settlement, become_handles,
};
use crate::store::sql::migrate::Port;

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
        let inserted = enqueue::enqueue(write.conn(), fan_out, &events, now, &*self.entropy).await;
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
        let leases = self.note_damage(lease::lease(write.conn(), per_endpoint, &request).await)?;
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
        let settled = settle::settle(write.conn(), lease, &settlement, now).await;
        let settled = self.note_damage(settled)?;
        write.commit().await?;
        Ok(settled)
    }

    async fn extend(&self, lease: &DeliveryLease, until: UnixMillis) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        settle::extend(write.conn(), lease, until).await?;
        write.commit().await
    }

    async fn release(&self, lease: &DeliveryLease, now: UnixMillis) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        settle::release(write.conn(), lease, now).await?;
        write.commit().await?;
        self.inner.signal.notify();
        Ok(())
    }

    async fn next_due(
        &self,
        per_endpoint: NonZeroU16,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        self.note_damage(lease::next_due(self.reader(), per_endpoint, now).await)
    }

    async fn prune(&self, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
        // The first query uses a connection for reading: most of the time there is nothing to delete.
        let one = prune::select(self.reader(), before, NonZeroU16::MIN).await?;
        if one.is_empty() {
            return Ok(0);
        }
        let mut write = self.write().await?;
        let finished = prune::select(write.conn(), before, max).await?;
        prune::delete(write.conn(), &finished).await?;
        write.commit().await?;
        Ok(finished.len())
    }

    fn listen(&self) -> QueueListener {
        self.inner.signal.listen()
    }
}

impl SqliteStore {
    /// Fails if the database is read-only.
    pub(super) async fn check_writable(&self) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query(DELETE_NOTHING)
            .execute(write.conn())
            .await
            .map_err(store_error)?;
        write.commit().await
    }
}

impl DeliveryLog for SqliteStore {
    async fn of_event(&self, event: &MessageId) -> Result<Vec<Delivery>, StoreError> {
        log::deliveries(self.reader(), event).await
    }

    async fn attempts(&self, delivery: &DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        log::attempts(self.reader(), delivery).await
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
        let inserted = enqueue::enqueue(&mut tx, None, &events, now, entropy).await?;
        tx.commit().await.map_err(store_error)?;
        Ok(inserted)
    }
}

become_handles!(SqliteStore);

/// Changes nothing, but fails on a read-only file.
const DELETE_NOTHING: &str = "DELETE FROM tas_events WHERE seq IS NULL";

#[cfg(test)]
mod tests;
