//! Messages that version 1 of the tables has.

use std::num::NonZeroU16;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use tower::ServiceExt as _;
use tower_auth_sync::clock::{Clock as _, SystemClock};
use tower_auth_sync::id::MessageId;
use tower_auth_sync::inbox::{Inbox, InboxEntry, InboxWorker};
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::Signer;
use tower_auth_sync::store::postgres::PostgresStore;
use tower_auth_sync::store::sqlite::SqliteStore;
use tower_auth_sync::testing::ManualClock;

use super::{SECRET, app, message, nobody};
use crate::servers;

#[tokio::test]
async fn messages_of_the_old_tables_of_sqlite_keep_their_keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("auth-sync.db");
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let pool = SqlitePool::connect(&url).await.unwrap();
    let open = async || {
        SqliteStore::open(&path)
            .await
            .unwrap()
            .inbox("crm")
            .unwrap()
    };
    let run = async |sql: String| {
        let run = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await;
        run.unwrap();
    };
    let dedupe = include_str!("../../../src/store/sqlite/migrations/dedupe/0001_tables.sql");
    migrate(open, run, "BLOB", dedupe).await;
}

#[tokio::test]
async fn messages_of_the_old_tables_of_postgres_keep_their_keys() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let pool = PgPool::connect(&url).await.unwrap();
    let open = async || {
        PostgresStore::connect(&url)
            .await
            .unwrap()
            .inbox("crm")
            .unwrap()
    };
    let run = async |sql: String| {
        let run = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await;
        run.unwrap();
    };
    let dedupe = include_str!("../../../src/store/postgres/migrations/dedupe/0001_tables.sql");
    migrate(open, run, "BYTEA", dedupe).await;
}

async fn migrate(
    open: impl AsyncFn() -> Inbox,
    run: impl AsyncFn(String),
    bytes: &str,
    dedupe: &str,
) {
    let clock = ManualClock::at(SystemClock.now());
    let inbox = open().await;
    let mut sent = Vec::new();
    for name in OLD {
        let status = receive(&inbox, request(name, name, &clock), &clock).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{name}");
        sent.push((name, ManualClock::at(clock.now())));
        clock.advance(Duration::from_secs(1));
    }
    run(old_tables(bytes, dedupe)).await;
    let inbox = open().await.with_clock(clock.clone());

    // Each is known, as the same message and as the same request.
    for (name, sent_at) in &sent {
        let again = request(name, name, &clock);
        let status = receive(&inbox, again, &clock).await;
        assert_eq!(status, StatusCode::OK, "{name}");
        let replay = request("another", name, sent_at);
        let status = receive(&inbox, replay, &clock).await;
        assert_eq!(status, StatusCode::OK, "{name}");
    }
    let new = request("new", "new", &clock);
    assert_eq!(receive(&inbox, new, &clock).await, StatusCode::ACCEPTED);

    // A failed message can be requeued, and runs with those that wait.
    for name in ["failed", "unsigned"] {
        assert!(requeue(&inbox, name).await, "{name}");
        let again = request(name, name, &clock);
        assert_eq!(receive(&inbox, again, &clock).await, StatusCode::OK);
    }
    assert_eq!(
        handle(&inbox, &clock).await,
        5,
        "pending, leased, new and two failed"
    );

    // Later the keys of what ended are free, and then they belong to another message.
    clock.advance(Duration::from_hours(8 * 24));
    for name in ["pending", "done", "retaken", "unsigned_retaken"] {
        let again = request(name, name, &clock);
        assert_eq!(
            receive(&inbox, again, &clock).await,
            StatusCode::ACCEPTED,
            "{name}"
        );
    }
    for name in ["retaken", "unsigned_retaken", "unsigned_left"] {
        assert!(!requeue(&inbox, name).await, "{name}");
    }
    assert!(requeue(&inbox, "left").await);
    assert_eq!(handle(&inbox, &clock).await, 5);
}

/// In the order of their numbers. The last six have failed.
const OLD: [&str; 9] = [
    "pending",
    "leased",
    "done",
    "failed",
    "retaken",
    "left",
    "unsigned",
    "unsigned_retaken",
    "unsigned_left",
];

/// Makes the old tables of what the new ones have, and ends messages.
fn old_tables(bytes: &str, dedupe: &str) -> String {
    format!(
        "CREATE TABLE tas_inbox_names (
            key {bytes} NOT NULL, kind SMALLINT NOT NULL, message BIGINT NOT NULL, body BIGINT NOT NULL,
            PRIMARY KEY (key, kind));
        INSERT INTO tas_inbox_names
            SELECT k.key, 0, m.seq,
                CASE WHEN EXISTS (SELECT 1 FROM tas_dedupe o WHERE o.owner = k.key) THEN 7 ELSE 0 END
            FROM tas_dedupe k JOIN tas_inbox m ON m.id = k.message;
        INSERT INTO tas_inbox_names
            SELECT o.key, CASE o.kind WHEN 1 THEN 1 ELSE 0 END, n.message, n.body
            FROM tas_dedupe o JOIN tas_inbox_names n ON n.key = o.owner;
        DROP TABLE tas_dedupe;
        {dedupe}
        ALTER TABLE tas_inbox DROP COLUMN several_keys;
        DELETE FROM tas_migrations_dedupe WHERE version = 2;
        DELETE FROM tas_migrations_inbox WHERE version >= 2;
        UPDATE tas_inbox SET state = 'leased', attempt = 1, fence = 1 WHERE seq = 2;
        UPDATE tas_inbox SET state = 'done', due_at = NULL, ended_at = received_at, head = NULL,
            body = NULL WHERE seq = 3;
        UPDATE tas_inbox SET state = 'failed', due_at = NULL, ended_at = received_at, attempt = 1,
            failure = 'error' WHERE seq > 3;"
    )
}

/// A request whose header has `id`. Of a message named `unsigned…` the body has none.
fn request(id: &str, name: &str, clock: &ManualClock) -> Request<Body> {
    if !name.starts_with("unsigned") {
        return message(name, clock);
    }
    let body = format!(
        r#"{{"event":"user.created","timestamp":"2026-01-01T00:00:00Z","data":{{"id":"{name}"}}}}"#
    );
    let signer = Signer::new(Scheme::banata(), [SECRET]).unwrap();
    let id = MessageId::new(id).unwrap();
    let headers = signer.sign_at(&id, clock.now().to_secs(), body.as_bytes());
    let mut request = Request::post("/webhooks/auth")
        .body(Body::from(body))
        .unwrap();
    headers.apply(request.headers_mut());
    request
}

async fn receive(inbox: &Inbox, request: Request<Body>, clock: &ManualClock) -> StatusCode {
    let app = app(inbox, clock.clone(), &nobody());
    app.oneshot(request).await.unwrap().status()
}

/// Requeues the failed message `name`.
async fn requeue(inbox: &Inbox, name: &str) -> bool {
    let failed = inbox.failed(None, NonZeroU16::MAX).await.unwrap();
    let is_named = |entry: &&InboxEntry| entry.message_id.as_deref() == Some(name);
    let entry = failed.iter().find(is_named).expect("it has failed");
    inbox.requeue(&entry.id).await.unwrap()
}

/// Returns how many messages were handled.
async fn handle(inbox: &Inbox, clock: &ManualClock) -> usize {
    let handler = post(async || StatusCode::OK);
    let worker = InboxWorker::builder(inbox.clone(), handler).clock(clock.clone());
    worker.build().unwrap().run_due().await.unwrap().done
}
