//! The dedupe port and the inbox of one store share their keys.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::{MethodRouter, post};
use tokio::sync::Notify;
use tower::ServiceExt as _;
use tower_auth_sync::clock::{Clock as _, SystemClock};
use tower_auth_sync::dedupe::Dedupe;
use tower_auth_sync::inbox::{Inbox, InboxWorker};
use tower_auth_sync::queue::RetryPolicy;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::store::AnyStore;
use tower_auth_sync::store::postgres::PostgresStore;
use tower_auth_sync::store::sqlite::SqliteStore;
use tower_auth_sync::testing::ManualClock;
use tower_auth_sync::verify::VerifyWebhookLayer;

use super::{SECRET, message, nobody, send_for_status};
use crate::servers;

#[tokio::test]
async fn in_memory_each_port_knows_the_keys_of_the_other() {
    let store = AnyStore::connect("memory:").await.unwrap();
    let (dedupe, inbox) = (store.dedupe("crm").unwrap(), store.inbox("crm").unwrap());
    share(&dedupe, &inbox).await;
}

#[tokio::test]
async fn on_sqlite_each_port_knows_the_keys_of_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("auth-sync.db")).await;
    let store = store.unwrap();
    let inbox = store.inbox("crm").unwrap();
    share(&store.dedupe("crm").unwrap(), &inbox).await;
    keep_the_key_of_a_failed_message(&inbox).await;
}

#[tokio::test]
async fn on_postgres_each_port_knows_the_keys_of_the_other() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let store = PostgresStore::connect(&url).await.unwrap();
    let inbox = store.inbox("crm").unwrap();
    share(&store.dedupe("crm").unwrap(), &inbox).await;
    keep_the_key_of_a_failed_message(&inbox).await;
}

async fn share(dedupe: &Dedupe, inbox: &Inbox) {
    // Handled, and then sent to the inbox.
    let handled = handle(dedupe, "handled", post(async || StatusCode::CREATED)).await;
    assert_eq!(handled, StatusCode::CREATED);
    let stored = send_for_status(inbox, "handled", &SystemClock).await;
    assert_eq!(stored, StatusCode::OK);

    // Failed: the key is free.
    let failed = handle(dedupe, "failed", post(async || StatusCode::BAD_GATEWAY)).await;
    assert_eq!(failed, StatusCode::BAD_GATEWAY);
    let stored = send_for_status(inbox, "failed", &SystemClock).await;
    assert_eq!(stored, StatusCode::ACCEPTED);

    // In flight.
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, told) = (Arc::clone(&begun), Arc::clone(&go_on));
    let slow = post(async move || {
        tell.notify_one();
        told.notified().await;
        StatusCode::OK
    });
    let flying = dedupe.clone();
    let flying = tokio::spawn(async move { handle(&flying, "flying", slow).await });
    begun.notified().await;
    let stored = send_for_status(inbox, "flying", &SystemClock).await;
    assert_eq!(stored, StatusCode::CONFLICT);
    go_on.notify_one();
    assert_eq!(flying.await.unwrap(), StatusCode::OK);
    let stored = send_for_status(inbox, "flying", &SystemClock).await;
    assert_eq!(stored, StatusCode::OK);

    // Stored, and then sent to the layer that would handle it at once: while it waits, and afterwards.
    let stored = send_for_status(inbox, "stored", &SystemClock).await;
    assert_eq!(stored, StatusCode::ACCEPTED);
    assert_eq!(handle(dedupe, "stored", nobody()).await, StatusCode::OK);
    let worker = InboxWorker::builder(inbox.clone(), post(async || StatusCode::OK));
    let worker = worker.build().unwrap();
    assert_eq!(worker.run_due().await.unwrap().done, 2, "failed and stored");
    for id in ["failed", "stored"] {
        assert_eq!(handle(dedupe, id, nobody()).await, StatusCode::OK);
    }
}

/// Sends the message to a receiver without an inbox.
async fn handle(dedupe: &Dedupe, id: &str, handler: MethodRouter) -> StatusCode {
    let verifier = Verifier::builder(Scheme::banata()).secret(SECRET).unwrap();
    let layer = VerifyWebhookLayer::new(verifier.build().unwrap()).with_dedupe(dedupe.clone());
    let handler: MethodRouter = handler.layer(layer);
    let request = message(id, &SystemClock);
    handler.oneshot(request).await.unwrap().status()
}

/// A failed message can be requeued until another request claims its key, however late.
async fn keep_the_key_of_a_failed_message(inbox: &Inbox) {
    let clock = ManualClock::at(SystemClock.now());
    let status = send_for_status(inbox, "failing", &clock).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let once = RetryPolicy::schedule([]).unwrap();
    let worker = InboxWorker::builder(inbox.clone(), post(async || StatusCode::BAD_GATEWAY));
    let worker = worker.retry(once).clock(clock.clone()).build().unwrap();
    assert_eq!(worker.run_due().await.unwrap().failed, 1);
    clock.advance(Duration::from_hours(8 * 24));
    // One of them sweeps.
    for number in 0..64 {
        let id = format!("msg_{number}");
        let status = send_for_status(inbox, &id, &clock).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    let failed = inbox.failed(None, NonZeroU16::MAX).await.unwrap();
    let inbox = inbox.clone().with_clock(clock.clone());
    assert!(inbox.requeue(&failed[0].id).await.unwrap());
    let status = send_for_status(&inbox, "failing", &clock).await;
    assert_eq!(status, StatusCode::OK);
}
