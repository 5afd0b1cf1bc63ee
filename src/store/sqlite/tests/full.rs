//! A full disk, and the recovery afterwards.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use bytes::Bytes;

use super::*;
use crate::base::id::MessageId;
use crate::queue::{AttemptNumber, LeaseRequest};
use crate::receive::dedupe::{Claimed, Identity, Message};
use crate::receive::inbox::{InboxOutcome as RunOutcome, InboxStore};
use crate::receive::mirror::{Mirror, TablePrefix};
use crate::send::outbox::{NewEvent, OutboxStore, Outcome, Settlement};
use crate::testing::delivery_suite::{at, endpoint, limit, report, request};
use crate::testing::inbox_suite::store_new;
use crate::wire::event::{AuthEvent, EventType};

fn big(number: usize) -> Vec<NewEvent> {
    vec![NewEvent::new(
        MessageId::new(format!("msg_{number}")).unwrap(),
        EventType::UserCreated,
        Bytes::from(vec![b'x'; 64 * 1024]),
    )]
}

/// Writes through every port: outbox, inbox, dedupe, mirror and endpoints.
async fn use_every_port(store: &SqliteStore, mirror: &Mirror, round: usize) {
    endpoint(store, "one").await;
    store.enqueue(big(1_000_000 + round), at(0)).await.unwrap();
    let leases = OutboxStore::lease(store, limit(9), request(1, 0));
    let leases = leases.await.unwrap();
    let settlement = Settlement::new(report(0, 200), Outcome::Delivered);
    let settled = OutboxStore::settle(store, &leases[0], settlement, at(0));
    settled.await.unwrap();
    store.ping().await.unwrap();

    store_new(store, &format!("in_{round}"), 0).await;
    let lease = LeaseRequest {
        max: 1.try_into().unwrap(),
        max_attempts: AttemptNumber::FIRST,
        now: at(0),
        until: at(60),
    };
    let leases = InboxStore::lease(store, "suite", lease).await.unwrap();
    let settled = InboxStore::settle(store, &leases[0], RunOutcome::Done, at(0));
    settled.await.unwrap();

    let dedupe = store.dedupe("crm").unwrap();
    let id = format!("msg_{round}");
    let keys = dedupe.keys(&Message {
        tenant: None,
        identity: Identity::Signed(&id),
        sent_at: None,
        replayable: Duration::ZERO,
    });
    let claimed = dedupe.claim(&keys, at(0), at(60)).await.unwrap();
    assert_eq!(claimed, Claimed::Fresh { other_body: false });
    dedupe.commit(&keys, at(0)).await.unwrap();

    let user = format!(r#"{{"event":"user.created","timestamp":1,"data":{{"id":"u_{round}"}}}}"#);
    let event = AuthEvent::from_slice(user.as_bytes()).unwrap();
    mirror.apply(&event).await.unwrap();
}

/// Stores events until there is no room.
async fn fill(store: &SqliteStore, round: usize) -> StoreError {
    for number in 0..1_000 {
        if let Err(error) = store.enqueue(big(1_000 * round + number), at(0)).await {
            return error;
        }
    }
    panic!("the disk never was full");
}

async fn mirror(store: &SqliteStore) -> Mirror {
    store.mirror(TablePrefix::default()).await.unwrap()
}

async fn limit_pages(store: &SqliteStore, pages: u32) {
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::query(limit)
        .fetch_all(&store.inner.writer)
        .await
        .unwrap();
}

async fn a_statement_that_ends_its_transaction_stops_nothing(store: SqliteStore) {
    let mirror = mirror(&store).await;
    for round in 0..3 {
        limit_pages(&store, 1).await;
        let error = fill(&store, round).await;
        assert!(error.is_unavailable(), "{}", chain(&error));
        // After these statements SQLite ends the whole transaction by itself.
        for sql in [
            "INSERT INTO filler VALUES (zeroblob(200000))",
            "CREATE TABLE other (a)",
        ] {
            let mut write = store.write().await.unwrap();
            let filler = "CREATE TABLE IF NOT EXISTS filler (a)";
            sqlx::query(filler).execute(write.conn()).await.ok();
            sqlx::query(sql).execute(write.conn()).await.unwrap_err();
            drop(write);
        }
        limit_pages(&store, 1_000_000).await;
        use_every_port(&store, &mirror, round).await;
    }
}

#[tokio::test]
async fn everything_works_after_a_statement_that_ended_its_transaction() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.db");
    a_statement_that_ends_its_transaction_stops_nothing(SqliteStore::open(path).await.unwrap())
        .await;
}

#[tokio::test]
async fn a_database_in_memory_survives_a_statement_that_ended_its_transaction() {
    let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
    a_statement_that_ends_its_transaction_stops_nothing(store).await;
}

#[tokio::test]
async fn a_pool_of_the_application_gets_its_connection_back_without_a_transaction() {
    let dir = TempDir::new().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(dir.path().join("app.db"))
        .create_if_missing(true);
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .unwrap();
    let store = SqliteStore::from_pool(pool.clone());
    store.migrate().await.unwrap();
    limit_pages(&store, 1).await;
    fill(&store, 0).await;
    limit_pages(&store, 1_000_000).await;
    let tx = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    tx.rollback().await.unwrap();
}

/// The variable that passes the path to [`child`].
const CHILD: &str = "TAS_TEST_FULL_CHILD";

fn say(line: &str) {
    println!("\n{line}");
    std::io::stdout().flush().unwrap();
}

/// A process whose files have a size limit, so that the `COMMIT` fails.
#[tokio::test]
#[ignore = "started by the test below"]
async fn child() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let store = SqliteStore::open(path).await.unwrap();
    let mirror = mirror(&store).await;
    for round in 0..3 {
        let error = fill(&store, round).await;
        assert!(error.is_unavailable(), "{}", chain(&error));
        // Every write fails now, and recovers later.
        assert!(
            store
                .enqueue(big(999 + round * 1_000), at(0))
                .await
                .is_err()
        );
        say("full");
        std::io::stdin().read_line(&mut String::new()).unwrap();
        use_every_port(&store, &mirror, round).await;
    }
    say("end");
}

#[cfg(unix)]
#[tokio::test]
async fn everything_works_after_a_failed_commit() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.db");
    // Created here, so that the child writes only the write-ahead log.
    let store = SqliteStore::open(&path).await.unwrap();
    // A write beyond the limit then fails, instead of ending the process.
    let script = r#"trap '' XFSZ; ulimit -S -f 2048; exec "$0" "$@""#;
    let mut child = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "store::sqlite::tests::full::child"])
        .arg("--nocapture")
        .env(CHILD, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.by_ref().map_while(Result::ok);
    for _ in 0..3 {
        assert!(lines.any(|line| line == "full"));
        // The write-ahead log is copied into the file and restarts.
        let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&store.inner.writer)
            .await
            .unwrap();
        assert_eq!(busy, 0);
        child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    }
    assert!(lines.any(|line| line == "end"));
    assert!(child.wait().unwrap().success());
}
