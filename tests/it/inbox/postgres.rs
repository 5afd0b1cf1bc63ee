use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::post;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tower_auth_sync::clock::{Clock as _, SystemClock};
use tower_auth_sync::event::VerifiedWebhook;
use tower_auth_sync::inbox::InboxWorker;
use tower_auth_sync::store::postgres::PostgresStore;
use tower_auth_sync::testing::ManualClock;

use super::{failed, race, send_for_status};
use crate::servers;

mod contract {
    use super::{PostgresStore, servers};

    tower_auth_sync::__inbox_store_tests!(optional async || {
        let url = servers::postgres().await?;
        Some((PostgresStore::connect(&url).await.unwrap(), ()))
    });
}

#[tokio::test]
async fn of_equal_requests_to_two_processes_one_is_stored() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let one = PostgresStore::connect(&url).await.unwrap();
    let other = PostgresStore::connect(&url).await.unwrap();
    let inboxes = [one, other].map(|store| store.inbox("crm").unwrap());
    assert_eq!(race(&inboxes, 64).await, 1);
}

/// All statements wait for a lock on the table, and then begin with the same snapshot.
#[tokio::test]
async fn of_equal_requests_that_are_stored_at_the_same_moment_one_is_new() {
    const AT_ONCE: usize = 8;
    let Some(url) = servers::postgres().await else {
        return;
    };
    let inbox = PostgresStore::connect(&url)
        .await
        .unwrap()
        .inbox("crm")
        .unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    for round in 0..8 {
        let mut holder = pool.begin().await.unwrap();
        let lock = "LOCK TABLE tas_dedupe IN EXCLUSIVE MODE";
        sqlx::query(lock).execute(&mut *holder).await.unwrap();
        let mut sending = JoinSet::new();
        for _ in 0..AT_ONCE {
            let inbox = inbox.clone();
            sending.spawn(async move {
                send_for_status(&inbox, &format!("msg_{round}"), &SystemClock).await
            });
        }
        let waiting = "SELECT count(*) FROM pg_locks
            WHERE NOT granted AND relation = 'tas_dedupe'::regclass";
        let mut count = 0_i64;
        while count < i64::try_from(AT_ONCE).unwrap() {
            count = sqlx::query_scalar(waiting).fetch_one(&pool).await.unwrap();
        }
        holder.commit().await.unwrap();
        let statuses = sending.join_all().await;
        let new = statuses
            .iter()
            .filter(|status| **status == StatusCode::ACCEPTED);
        let known = statuses.iter().filter(|status| **status == StatusCode::OK);
        assert_eq!(
            (new.count(), known.count()),
            (1, AT_ONCE - 1),
            "{statuses:?}"
        );
    }
}

#[tokio::test]
async fn two_workers_handle_each_message_once() {
    const MESSAGES: usize = 200;
    let Some(url) = servers::postgres().await else {
        return;
    };
    let inbox = PostgresStore::connect(&url)
        .await
        .unwrap()
        .inbox("crm")
        .unwrap();
    for number in 0..MESSAGES {
        let id = format!("msg_{number}");
        let status = send_for_status(&inbox, &id, &SystemClock).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    let handled = Arc::new(Mutex::new(HashMap::<String, usize>::new()));
    let mut workers = JoinSet::new();
    for _ in 0..2 {
        let store = PostgresStore::connect(&url).await.unwrap();
        let handled = Arc::clone(&handled);
        let handler = post(async move |delivered: VerifiedWebhook| {
            let id = delivered.id().unwrap().to_owned();
            *handled.lock().unwrap().entry(id).or_default() += 1;
            tokio::task::yield_now().await;
            StatusCode::OK
        });
        let worker = InboxWorker::builder(store.inbox("crm").unwrap(), handler);
        let worker = worker.concurrency(NonZeroU16::new(4).unwrap());
        let worker = worker.build().unwrap();
        workers.spawn(async move { worker.run_due().await.unwrap() });
    }
    let summaries = workers.join_all().await;
    let done: usize = summaries.iter().map(|summary| summary.done).sum();
    assert_eq!(done, MESSAGES, "{summaries:?}");
    assert_eq!(failed(&inbox).await, 0);
    let handled = handled.lock().unwrap();
    assert_eq!(handled.len(), MESSAGES);
    assert!(handled.values().all(|times| *times == 1));
}

#[tokio::test]
async fn while_the_store_fails_nothing_is_stored() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let inbox = PostgresStore::connect(&url)
        .await
        .unwrap()
        .inbox("crm")
        .unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    let refuse = "ALTER TABLE tas_dedupe ADD CONSTRAINT refuse CHECK (kind < 0) NOT VALID";
    sqlx::query(refuse).execute(&pool).await.unwrap();
    let status = send_for_status(&inbox, "msg_1", &SystemClock).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let count = sqlx::query_scalar("SELECT count(*) FROM tas_inbox");
    let count: i64 = count.fetch_one(&pool).await.unwrap();
    assert_eq!(count, 0);
    let allow = "ALTER TABLE tas_dedupe DROP CONSTRAINT refuse";
    sqlx::query(allow).execute(&pool).await.unwrap();
    let status = send_for_status(&inbox, "msg_1", &SystemClock).await;
    assert_eq!(status, StatusCode::ACCEPTED);
}

/// Storing, leasing, settling and deleting at once: the server would end statements that wait for each
/// other in a circle.
#[tokio::test]
async fn storing_handling_and_deleting_do_not_wait_for_each_other_in_a_circle() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let store = PostgresStore::connect(&url).await.unwrap();
    let inbox = store.inbox("crm").unwrap();
    let mut working = JoinSet::new();
    for _ in 0..4 {
        let inbox = inbox.clone();
        working.spawn(async move {
            for round in 0..25 {
                let id = format!("msg_{}", round % 10);
                let now = SystemClock.now();
                // At this time the retention of earlier messages has passed.
                let later = now.saturating_add(Duration::from_hours(8 * 24 * round));
                let clock = ManualClock::at(later);
                let status = send_for_status(&inbox, &id, &clock).await;
                assert!(matches!(status.as_u16(), 200 | 202), "{status}");
                let handler = post(async || StatusCode::OK);
                let worker = InboxWorker::builder(inbox.clone(), handler).clock(clock);
                let worker = worker.retention(Duration::ZERO).build().unwrap();
                // A worker whose clock is ahead may lease a message that another one handles.
                assert_eq!(worker.run_due().await.unwrap().failed, 0);
                worker.prune().await.unwrap();
            }
        });
    }
    working.join_all().await;
}

/// Ends the connection that changes a message, during its `COMMIT`.
const DIE_IN_COMMIT: &str = "
CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pg_backend_pid());
    PERFORM pg_sleep(9);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER die AFTER INSERT OR UPDATE ON tas_inbox
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()";

const LIVE: &str = "DROP TRIGGER die ON tas_inbox; DROP FUNCTION die";

#[tokio::test]
async fn a_connection_that_dies_in_its_commit_is_replaced() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let admin = PgPool::connect(&url).await.unwrap();
    // A test of the connections would not help either.
    let untested = sqlx::postgres::PgPoolOptions::new().test_before_acquire(false);
    let untested = untested.max_connections(1).connect(&url).await.unwrap();
    let own = PostgresStore::connect(&url).await.unwrap();
    for (name, store) in [
        ("own", own),
        ("untested", PostgresStore::from_pool(untested)),
    ] {
        let inbox = store.inbox("crm").unwrap();
        let handler = post(async || StatusCode::NO_CONTENT);
        let worker = InboxWorker::builder(inbox.clone(), handler)
            .build()
            .unwrap();
        for round in 0..3 {
            let id = format!("{name}_{round}");
            sqlx::raw_sql(DIE_IN_COMMIT).execute(&admin).await.unwrap();
            assert_eq!(send_for_status(&inbox, &id, &SystemClock).await, 503);
            sqlx::raw_sql(LIVE).execute(&admin).await.unwrap();
            assert_eq!(send_for_status(&inbox, &id, &SystemClock).await, 202);
            sqlx::raw_sql(DIE_IN_COMMIT).execute(&admin).await.unwrap();
            worker.run_due().await.unwrap_err();
            sqlx::raw_sql(LIVE).execute(&admin).await.unwrap();
            assert_eq!(worker.run_due().await.unwrap().done, 1);
        }
    }
}
