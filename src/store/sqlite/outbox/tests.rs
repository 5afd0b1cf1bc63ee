use std::collections::HashSet;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use sqlx::{Row as _, SqlSafeStr};
use tempfile::TempDir;

use super::*;
use crate::base::actor::Actor;
use crate::send::outbox::{
    DeliveryState, DisabledBecause, Emitter, EndpointStatus, EndpointStore, IdempotencyKey, Outcome,
};
use crate::store::sql::outbox::lease::END_PAUSES;
use crate::testing::delivery_suite::{at, endpoint, limit, report, request};
use crate::wire::event::{AuthEvent, EventType};

async fn new_store() -> (SqliteStore, TempDir) {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).await;
    (store, dir)
}

/// Opens the directory's database again, on its own connections.
async fn open(dir: &TempDir) -> SqliteStore {
    SqliteStore::open(dir.path().join("a.db")).await.unwrap()
}

mod delivery_contract {
    crate::__delivery_store_tests!(super::new_store);
}

mod endpoint_contract {
    crate::__endpoint_store_tests!(super::new_store);
}

fn event(id: &str) -> NewEvent {
    NewEvent::new(
        MessageId::new(id).unwrap(),
        EventType::UserCreated,
        Bytes::from_static(b"{}"),
    )
}

fn created() -> AuthEvent {
    AuthEvent::new(
        EventType::UserCreated,
        [("id".to_owned(), "usr_1".into())].into_iter().collect(),
    )
}

async fn run(store: &SqliteStore, sql: impl SqlSafeStr) {
    let done = sqlx::raw_sql(sql).execute(&store.inner.writer).await;
    done.unwrap();
}

async fn count(store: &SqliteStore, sql: &'static str) -> i64 {
    let row = sqlx::query(sql).fetch_one(store.reader()).await.unwrap();
    row.get(0)
}

const EVENTS: &str = "SELECT count(*) FROM tas_events";
const DELIVERIES: &str = "SELECT count(*) FROM tas_deliveries";

/// Makes the second statement of an enqueue fail.
const REFUSE_DELIVERIES: &str = "
CREATE TRIGGER refuse BEFORE INSERT ON tas_deliveries
BEGIN SELECT raise(ABORT, 'refused'); END";

/// Polls a future at most `polls` times, then drops it.
async fn abandon<F: Future>(future: F, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let done = std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready()));
        if done.await {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_enqueue_that_is_dropped_midway_stores_everything_or_nothing() {
    let (store, _dir) = new_store().await;
    endpoint(&store, "one").await;
    endpoint(&store, "two").await;
    for polls in 0..200 {
        let pair = vec![
            event(&format!("msg_{polls}a")),
            event(&format!("msg_{polls}b")),
        ];
        abandon(store.enqueue(pair, at(0)), polls * polls / 20).await;
    }
    let whole = store
        .enqueue(vec![event("msg_last"), event("msg_end")], at(0))
        .await;
    assert_eq!(whole.unwrap().len(), 2);
    let events = count(&store, EVENTS).await;
    assert_eq!(events % 2, 0, "a call stores both of its events");
    assert_eq!(count(&store, DELIVERIES).await, events * 2);
}

#[tokio::test]
async fn an_enqueue_that_fails_midway_stores_nothing() {
    let (store, _dir) = new_store().await;
    endpoint(&store, "one").await;
    run(&store, REFUSE_DELIVERIES).await;
    store
        .enqueue(vec![event("msg_1")], at(0))
        .await
        .unwrap_err();
    assert_eq!(count(&store, EVENTS).await, 0);
}

#[tokio::test]
async fn acknowledged_events_are_there_when_the_file_is_opened_again() {
    let (store, dir) = new_store().await;
    let one = endpoint(&store, "one").await;
    store
        .enqueue(vec![event("msg_1"), event("msg_2")], at(0))
        .await
        .unwrap();
    let lease = store
        .lease(limit(9), request(1, 0))
        .await
        .unwrap()
        .remove(0);
    let settlement = Settlement::new(report(1, 500), Outcome::Retry { at: at(300) });
    store.settle(&lease, settlement, at(1)).await.unwrap();
    store.close().await;
    drop(store);

    let store = open(&dir).await;
    assert_eq!(
        store.get(&one.id).await.unwrap().unwrap().health.failures(),
        1
    );
    assert_eq!(store.attempts(&lease.id).await.unwrap().len(), 1);
    let waiting = &store.of_event(&lease.work.event).await.unwrap()[0];
    assert_eq!(waiting.due_at, Some(at(300)));
    assert_eq!(store.lease(limit(9), request(9, 2)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lease_outlives_its_process_and_lapses_by_time() {
    let (store, dir) = new_store().await;
    endpoint(&store, "one").await;
    store.enqueue(vec![event("msg_1")], at(0)).await.unwrap();
    let lease = store
        .lease(limit(9), request(1, 0))
        .await
        .unwrap()
        .remove(0);
    drop(store);

    let store = open(&dir).await;
    assert!(
        store
            .lease(limit(9), request(1, 59))
            .await
            .unwrap()
            .is_empty()
    );
    let taken_over = store
        .lease(limit(9), request(1, 60))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(taken_over.id, lease.id);
    assert_eq!(taken_over.attempt, lease.attempt.next());
    let late = store.extend(&lease, at(999)).await;
    assert!(late.unwrap_err().is_lease_lost());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stores_that_share_a_file_share_no_lease() {
    let (store, dir) = new_store().await;
    endpoint(&store, "one").await;
    let events = (0..100).map(|n| event(&format!("msg_{n}")));
    store.enqueue(events.collect(), at(0)).await.unwrap();
    let mut workers = Vec::new();
    for _ in 0..4 {
        let store = open(&dir).await;
        workers.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let leases = store.lease(limit(1000), request(3, 0)).await.unwrap();
                if leases.is_empty() {
                    return mine;
                }
                mine.extend(leases.into_iter().map(|lease| lease.id));
            }
        }));
    }
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(all.len(), 100);
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn stores_that_share_a_file_store_one_event_under_one_key() {
    let (first, dir) = new_store().await;
    let mut tasks = Vec::new();
    for n in 0..4 {
        let store = open(&dir).await;
        let event =
            event(&format!("msg_{n}")).with_idempotency_key(IdempotencyKey::new("same").unwrap());
        tasks.push(tokio::spawn(async move {
            store.enqueue(vec![event], at(0)).await.unwrap().remove(0)
        }));
    }
    let mut ids = HashSet::new();
    for task in tasks {
        ids.insert(task.await.unwrap().id().clone());
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(count(&first, EVENTS).await, 1);
}

#[tokio::test]
async fn an_event_emitted_in_a_transaction_shares_its_fate() {
    let (store, _dir) = new_store().await;
    endpoint(&store, "one").await;
    run(&store, "CREATE TABLE app_users (name TEXT)").await;
    let emitter = Emitter::new(store.clone());
    for keep in [false, true] {
        let mut tx = store
            .inner
            .writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .unwrap();
        let insert = sqlx::query("INSERT INTO app_users VALUES ('ada')");
        insert.execute(&mut *tx).await.unwrap();
        emitter.emit_in(&mut *tx, created()).await.unwrap();
        if keep {
            tx.commit().await.unwrap();
        } else {
            tx.rollback().await.unwrap();
        }
        let stored = i64::from(keep);
        assert_eq!(
            count(&store, "SELECT count(*) FROM app_users").await,
            stored
        );
        assert_eq!(count(&store, EVENTS).await, stored);
        assert_eq!(count(&store, DELIVERIES).await, stored);
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_stored_leaves_the_callers_transaction_usable() {
    let (store, _dir) = new_store().await;
    endpoint(&store, "one").await;
    run(&store, "CREATE TABLE app_users (name TEXT)").await;
    run(&store, REFUSE_DELIVERIES).await;
    let emitter = Emitter::new(store.clone());

    let mut tx = store.inner.writer.begin().await.unwrap();
    emitter.emit_in(&mut *tx, created()).await.unwrap_err();
    let insert = sqlx::query("INSERT INTO app_users VALUES ('ada')");
    insert.execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(count(&store, "SELECT count(*) FROM app_users").await, 1);
    assert_eq!(count(&store, EVENTS).await, 0);
}

#[tokio::test]
async fn a_full_disk_makes_the_store_unavailable_until_there_is_room() {
    let (store, _dir) = new_store().await;
    let big = || {
        let payload = Bytes::from(vec![b'x'; 200_000]);
        vec![NewEvent {
            payload,
            ..event("msg_1")
        }]
    };
    run(&store, "PRAGMA max_page_count = 1").await;
    let full = store.enqueue(big(), at(0)).await.unwrap_err();
    assert!(full.is_unavailable(), "{full:?}");
    assert_eq!(count(&store, EVENTS).await, 0);
    run(&store, "PRAGMA max_page_count = 1000000").await;
    store.enqueue(big(), at(0)).await.unwrap();
}

#[tokio::test]
async fn a_ping_fails_on_a_read_only_file() {
    let (store, dir) = new_store().await;
    store.ping().await.unwrap();
    store.close().await;
    let read_only = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(dir.path().join("a.db"))
        .read_only(true);
    let pool = sqlx::SqlitePool::connect_with(read_only).await.unwrap();
    let store = SqliteStore::from_pool(pool);
    assert!(store.ping().await.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn missing_tables_differ_from_an_unreachable_store() {
    let pool = sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap();
    let store = SqliteStore::from_pool(pool);
    assert!(store.ping().await.unwrap_err().is_migration());
}

#[tokio::test]
async fn an_unreadable_row_is_corrupt_and_only_its_column_is_named() {
    for (damage, column) in [
        (
            "UPDATE tas_endpoints SET url = 'hunter2'",
            "tas_endpoints.url",
        ),
        (
            "UPDATE tas_endpoints SET scheme = 'hunter2'",
            "tas_endpoints.scheme",
        ),
        (
            "UPDATE tas_endpoints SET filter = 'hunter2!'",
            "tas_endpoints.filter",
        ),
        (
            "UPDATE tas_endpoints SET id = 'hunter2!'",
            "tas_endpoints.id",
        ),
        (
            "UPDATE tas_endpoints SET secret = x'ff'",
            "tas_endpoints.secret",
        ),
        (
            "UPDATE tas_endpoints SET secret_key_id = 'hunter2'",
            "tas_endpoints.secret",
        ),
        (
            "UPDATE tas_endpoints SET created_at = -1",
            "tas_endpoints.created_at",
        ),
        (
            "UPDATE tas_endpoints SET disabled_at = 1, disabled_because = 'hunter2'",
            "tas_endpoints.disabled_because",
        ),
    ] {
        let (store, _dir) = new_store().await;
        endpoint(&store, "one").await;
        run(&store, damage).await;
        let error = store.list().await.unwrap_err();
        assert!(error.is_corrupt(), "{damage}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            cause.contains(column) && !cause.contains("hunter2"),
            "{cause}"
        );
    }
}

/// Damages the first of two endpoints.
const DAMAGES: [&str; 8] = [
    "UPDATE tas_endpoints SET scheme = 'unheard-of' WHERE seq = 1",
    "UPDATE tas_endpoints SET filter = 'no such!' WHERE seq = 1",
    "UPDATE tas_endpoints SET filter = CAST(x'ff' AS TEXT) WHERE seq = 1",
    "UPDATE tas_endpoints SET url = CAST(x'ff' AS TEXT) WHERE seq = 1",
    "UPDATE tas_endpoints SET secret = x'ff' WHERE seq = 1",
    "UPDATE tas_endpoints SET secret_key_id = 'key' WHERE seq = 1",
    "UPDATE tas_endpoints SET created_at = -1 WHERE seq = 1",
    "UPDATE tas_endpoints SET failing_since = 1, failures = -1 WHERE seq = 1",
];

async fn unreadable_endpoints(store: &SqliteStore) -> i64 {
    let sql = "SELECT count(*) FROM tas_endpoints WHERE disabled_because = 'unreadable'";
    count(store, sql).await
}

#[tokio::test]
async fn an_unreadable_endpoint_is_disabled_and_the_others_continue() {
    for damage in DAMAGES {
        let (store, _dir) = new_store().await;
        endpoint(&store, "one").await;
        let two = endpoint(&store, "two").await;
        store.enqueue(vec![event("msg_1")], at(0)).await.unwrap();
        run(&store, damage).await;

        // The limit is one lease: the unreadable endpoint does not use it.
        let leases = store.lease(limit(9), request(1, 1)).await.unwrap();
        assert_eq!(leases.len(), 1, "{damage}");
        assert_eq!(leases[0].work.endpoint.id, two.id, "{damage}");
        assert_eq!(unreadable_endpoints(&store).await, 1, "{damage}");

        store.enqueue(vec![event("msg_2")], at(2)).await.unwrap();
        let states = "SELECT group_concat(state) FROM
            (SELECT state FROM tas_deliveries WHERE endpoint = 1 ORDER BY event)";
        let row = sqlx::query(states).fetch_one(store.reader()).await.unwrap();
        assert_eq!(row.get::<&str, _>(0), "cancelled,skipped", "{damage}");
    }
}

#[tokio::test]
async fn an_unreadable_filter_does_not_prevent_events_from_being_stored() {
    let (store, _dir) = new_store().await;
    endpoint(&store, "one").await;
    endpoint(&store, "two").await;
    run(&store, DAMAGES[1]).await;
    for id in ["msg_1", "msg_2"] {
        let stored = store.enqueue(vec![event(id)], at(0)).await.unwrap();
        assert!(matches!(stored[0], Inserted::New { deliveries: 1, .. }));
        let kept = store.of_event(&MessageId::new(id).unwrap()).await;
        let mut states: Vec<_> = kept.unwrap().iter().map(|one| one.state).collect();
        states.sort_by_key(|state| state.as_str());
        assert_eq!(states, [DeliveryState::Pending, DeliveryState::Skipped]);
    }
    assert_eq!(unreadable_endpoints(&store).await, 1);
}

#[tokio::test]
async fn an_endpoint_that_was_repaired_and_enabled_gets_events_again() {
    let (store, _dir) = new_store().await;
    let one = endpoint(&store, "one").await;
    store.enqueue(vec![event("msg_1")], at(0)).await.unwrap();
    run(&store, DAMAGES[0]).await;
    assert!(
        store
            .lease(limit(9), request(1, 0))
            .await
            .unwrap()
            .is_empty()
    );
    run(&store, "UPDATE tas_endpoints SET scheme = 'banata'").await;
    let repaired = store.get(&one.id).await.unwrap().unwrap();
    let because = DisabledBecause::Unreadable;
    assert_eq!(
        repaired.status,
        EndpointStatus::Disabled { at: at(0), because }
    );
    store
        .enable(&one.id, &Actor::system(), at(0))
        .await
        .unwrap();
    store.enqueue(vec![event("msg_2")], at(1)).await.unwrap();
    let lease = store
        .lease(limit(9), request(9, 1))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(lease.work.event.as_str(), "msg_2");
}

#[tokio::test]
async fn an_unreadable_delivery_is_cancelled_and_the_others_continue() {
    for damage in [
        "UPDATE tas_deliveries SET attempt = -9 WHERE event = 1",
        "UPDATE tas_deliveries SET fence = -9 WHERE event = 1",
        "UPDATE tas_deliveries SET id = 'no such!' WHERE event = 1",
        "UPDATE tas_events SET id = 'no such!' WHERE seq = 1",
    ] {
        let (store, _dir) = new_store().await;
        endpoint(&store, "one").await;
        let events = vec![event("msg_1"), event("msg_2")];
        store.enqueue(events, at(0)).await.unwrap();
        run(&store, damage).await;
        let leases = store.lease(limit(9), request(1, 1)).await.unwrap();
        assert_eq!(leases.len(), 1, "{damage}");
        assert_eq!(leases[0].work.event.as_str(), "msg_2", "{damage}");
        let cancelled = "SELECT count(*) FROM tas_deliveries WHERE state = 'cancelled'";
        assert_eq!(count(&store, cancelled).await, 1, "{damage}");
    }
}

#[tokio::test]
async fn the_previous_secret_is_read_with_its_end() {
    let (store, _dir) = new_store().await;
    let one = endpoint(&store, "one").await;
    run(
        &store,
        "UPDATE tas_endpoints SET previous_not_after = 5000,
         previous_secret = CAST('whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3' AS BLOB)",
    )
    .await;
    let secrets = store.get(&one.id).await.unwrap().unwrap().secrets;
    let end = UnixMillis::from_millis(5000);
    assert_eq!(
        secrets
            .valid_at(end.saturating_sub(Duration::from_millis(1)))
            .count(),
        2
    );
    assert_eq!(secrets.valid_at(end).count(), 1);
}

#[tokio::test]
async fn a_lease_scans_neither_the_backlog_nor_finished_deliveries() {
    let (store, _dir) = new_store().await;
    for sql in [
        SqliteConnection::REDATE,
        END_PAUSES,
        SqliteConnection::SELECT_DUE,
        SqliteConnection::END_LAPSED,
        SqliteConnection::NEXT_DUE,
        SqliteConnection::SELECT_FINISHED,
    ] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan = sqlx::query(explain)
            .fetch_all(store.reader())
            .await
            .unwrap();
        for step in plan {
            let step: String = step.get("detail");
            let whole = step.starts_with("SCAN")
                && ["tas_deliveries", "tas_events", " d", " v"]
                    .iter()
                    .any(|name| step.contains(name));
            assert!(
                !whole || step.ends_with("INDEX tas_deliveries_leased"),
                "{step} in {sql}"
            );
        }
    }
}
