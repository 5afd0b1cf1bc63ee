//! The subscribers, read once for each change of the endpoints.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::SqliteConnection;

use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::store::sql::outbox::Subscribers;
use crate::store::sql::statement::Statement;

/// The subscribers of the last read, and the generation of that read.
///
/// Triggers of `tas_endpoints` raise the generation with every change that affects the fan-out, in the
/// transaction of the change, whatever process makes it. The transaction that uses the subscribers
/// also reads the generation, so they are never older than that transaction.
#[derive(Default)]
pub(crate) struct FanOut(Mutex<Option<(i64, Arc<Subscribers>)>>);

impl FanOut {
    /// Returns the subscribers as the transaction on `conn` sees them.
    pub(super) async fn subscribers(
        &self,
        conn: &mut SqliteConnection,
        now: UnixMillis,
    ) -> Result<Arc<Subscribers>, StoreError> {
        let select = Statement::new(SELECT_GENERATION);
        let (generation,): (i64,) = select.fetch_one(&mut *conn).await?;
        if let Some((read, subscribers)) = &*self.last()
            && *read == generation
        {
            return Ok(Arc::clone(subscribers));
        }
        let subscribers = Arc::new(Subscribers::select(conn, now).await?);
        // The changes of this transaction may be rolled back.
        if !subscribers.changed {
            *self.last() = Some((generation, Arc::clone(&subscribers)));
        }
        Ok(subscribers)
    }

    fn last(&self) -> MutexGuard<'_, Option<(i64, Arc<Subscribers>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const SELECT_GENERATION: &str = "SELECT generation FROM tas_fan_out";

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tempfile::TempDir;

    use crate::base::actor::Actor;
    use crate::base::entropy::SystemEntropy;
    use crate::base::id::MessageId;
    use crate::send::outbox::{
        DeliveryLog as _, DeliveryState, EndpointStore as _, Inserted, NewEvent,
        OutboxConnection as _, OutboxStore as _, Outcome, Settlement,
    };
    use crate::store::sqlite::SqliteStore;
    use crate::store::sqlite::outbox::enqueue;
    use crate::testing::delivery_suite::{at, endpoint, limit, report, request};
    use crate::wire::event::EventType;

    async fn open(dir: &TempDir) -> SqliteStore {
        SqliteStore::open(dir.path().join("a.db")).await.unwrap()
    }

    fn event(number: u32) -> NewEvent {
        NewEvent::new(
            MessageId::new(format!("msg_{number}")).unwrap(),
            EventType::UserCreated,
            Bytes::from_static(b"{}"),
        )
    }

    /// Stores an event and returns how many deliveries wait, and how many were skipped.
    async fn emit(store: &SqliteStore, number: u32) -> (usize, usize) {
        store.enqueue(vec![event(number)], at(0)).await.unwrap();
        states(store, number).await
    }

    async fn states(store: &SqliteStore, number: u32) -> (usize, usize) {
        let deliveries = store.of_event(&event(number).id).await.unwrap();
        let count = |state| deliveries.iter().filter(|one| one.state == state).count();
        (count(DeliveryState::Pending), count(DeliveryState::Skipped))
    }

    async fn run(store: &SqliteStore, sql: &'static str) {
        let mut write = store.write().await.unwrap();
        sqlx::raw_sql(sql).execute(write.conn()).await.unwrap();
        write.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_change_by_another_process_counts_for_the_next_event() {
        let dir = TempDir::new().unwrap();
        let (emitter, admin) = (open(&dir).await, open(&dir).await);
        assert_eq!(emit(&emitter, 1).await, (0, 0));
        let one = endpoint(&admin, "one").await;
        assert_eq!(emit(&emitter, 2).await, (1, 0));
        endpoint(&admin, "two").await;
        assert_eq!(emit(&emitter, 3).await, (2, 0));
        admin
            .disable(&one.id, &Actor::system(), at(1))
            .await
            .unwrap();
        assert_eq!(emit(&emitter, 4).await, (1, 1));
        admin
            .enable(&one.id, &Actor::system(), at(0))
            .await
            .unwrap();
        assert_eq!(emit(&emitter, 5).await, (2, 0));
        run(
            &admin,
            "UPDATE tas_endpoints SET filter = 'session.*' WHERE seq = 1",
        )
        .await;
        assert_eq!(emit(&emitter, 6).await, (1, 0));
        run(
            &admin,
            "UPDATE tas_endpoints SET filter = '*' WHERE seq = 1",
        )
        .await;
        assert_eq!(emit(&emitter, 7).await, (2, 0));
        run(&admin, "INSERT INTO tas_endpoints (id, url, scheme, filter, secret, created_at)
            SELECT 'we_3', url, scheme, filter, secret, created_at FROM tas_endpoints WHERE seq = 1").await;
        assert_eq!(emit(&emitter, 8).await, (3, 0));
        run(&admin, "DELETE FROM tas_deliveries WHERE endpoint = 3; DELETE FROM tas_endpoints WHERE seq = 3").await;
        assert_eq!(emit(&emitter, 9).await, (2, 0));
    }

    #[tokio::test]
    async fn an_endpoint_that_a_worker_elsewhere_disables_gets_no_further_event() {
        let dir = TempDir::new().unwrap();
        let (emitter, worker) = (open(&dir).await, open(&dir).await);
        endpoint(&worker, "one").await;
        assert_eq!(emit(&emitter, 1).await, (1, 0));
        let lease = worker
            .lease(limit(1), request(1, 1))
            .await
            .unwrap()
            .remove(0);
        let gone = Settlement::new(report(1, 410), Outcome::Gone);
        worker.settle(&lease, gone, at(2)).await.unwrap();
        assert_eq!(emit(&emitter, 2).await, (0, 1));
    }

    #[tokio::test]
    async fn a_change_that_is_rolled_back_has_no_effect() {
        let dir = TempDir::new().unwrap();
        let store = open(&dir).await;
        endpoint(&store, "one").await;
        assert_eq!(emit(&store, 1).await, (1, 0));
        for number in 2..5 {
            let writer = &store.inner.writer;
            let mut undone = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
            let change = "UPDATE tas_endpoints SET filter = 'session.*'";
            sqlx::raw_sql(change).execute(&mut *undone).await.unwrap();
            let inserted = undone.enqueue(vec![event(number + 10)], at(0), &SystemEntropy);
            let inserted = inserted.await.unwrap();
            assert!(matches!(inserted[0], Inserted::New { deliveries: 0, .. }));
            let events = [event(number + 20)];
            let shared = enqueue(
                &mut undone,
                Some(&store.inner.fan_out),
                &events,
                at(0),
                &SystemEntropy,
            );
            shared.await.unwrap();
            undone.rollback().await.unwrap();
            assert_eq!(emit(&store, number).await, (1, 0));
            // The next change has another generation than the one that was rolled back.
            let change = "UPDATE tas_endpoints SET filter = iif(filter = '*', 'user.*', '*')";
            run(&store, change).await;
            assert_eq!(emit(&store, number + 30).await, (1, 0));
        }
    }

    #[tokio::test]
    async fn an_unreadable_endpoint_is_disabled_also_after_a_rollback_of_the_first_try() {
        let dir = TempDir::new().unwrap();
        let store = open(&dir).await;
        endpoint(&store, "one").await;
        run(&store, "UPDATE tas_endpoints SET filter = 'no filter'").await;
        let mut write = store.write().await.unwrap();
        store
            .inner
            .fan_out
            .subscribers(write.conn(), at(0))
            .await
            .unwrap();
        drop(write);
        assert_eq!(emit(&store, 1).await, (0, 1));
        let disabled = "SELECT count(*) FROM tas_endpoints WHERE disabled_because = 'unreadable'";
        let disabled: i64 = sqlx::query_scalar(disabled)
            .fetch_one(store.reader())
            .await
            .unwrap();
        assert_eq!(disabled, 1);
    }
}
