use tempfile::TempDir;

use super::*;
use crate::queue::AttemptNumber;
use crate::testing::inbox_suite::at;

mod conformance {
    use super::{SqliteStore, TempDir};

    crate::__inbox_store_tests!(async || {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("auth-sync.db");
        (SqliteStore::open(path).await.unwrap(), dir)
    });
}

/// A statement that reads all messages would block the writers.
#[tokio::test]
async fn due_finished_and_failed_messages_are_found_by_an_index() {
    let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
    for (statement, parameters) in [
        (END_LAPSED, 3),
        (SELECT_DUE, 3),
        (NEXT_DUE, 4),
        (REDATE, 5),
        (FINISHED, 3),
        (LEAVE_KEYS, 3),
        (DELETE, 3),
        (FAILED, 3),
        (SETTLE, 7),
        (END_KEYS, 1),
        (REQUEUE, 3),
        (HOLD_KEYS, 1),
    ] {
        let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let mut query = sqlx::query_as(plan);
        for _ in 0..parameters {
            query = query.bind("[]");
        }
        let mut write = store.write().await.unwrap();
        let steps: Vec<(i64, i64, i64, String)> = query.fetch_all(write.conn()).await.unwrap();
        let lapsed = "USING INDEX tas_inbox_leased (source=? AND due_at<?)";
        assert!(
            statement != END_LAPSED || steps[0].3.ends_with(lapsed),
            "{steps:?}"
        );
        for (.., step) in &steps {
            let is_row = |name| step.contains(name);
            let scans = step.starts_with("SCAN")
                && !["json_each", "CONSTANT ROW", "SCAN m"].iter().any(is_row);
            assert!(!scans, "{step} in {statement}");
        }
    }
}

#[tokio::test]
async fn a_stored_message_survives_a_restart() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("auth-sync.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let id = crate::testing::inbox_suite::store_new(&store, "msg_1", 0).await;
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    let found = store.find("suite", &id).await.unwrap();
    assert_eq!(found.map(|record| record.id), Some(id));
}

#[tokio::test]
async fn an_unreadable_message_blocks_no_other() {
    let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
    let bad = crate::testing::inbox_suite::store_new(&store, "bad", 0).await;
    let good = crate::testing::inbox_suite::store_new(&store, "good", 0).await;
    set(&store, "attempt = 4294967295", &bad).await;
    let request = |secs| LeaseRequest {
        max: NonZeroU16::MAX,
        max_attempts: AttemptNumber::FIRST,
        now: at(secs),
        until: at(secs + 60),
    };
    let leases = store.lease("suite", request(0)).await.unwrap();
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].id, good);
    // Both lapse, and fail.
    assert!(store.lease("suite", request(60)).await.unwrap().is_empty());
    set(&store, "failure = 'of a later version'", &good).await;
    let failed = store.failed("suite", None, NonZeroU16::MAX).await.unwrap();
    assert_eq!(failed.len(), 1);
    assert_eq!((&failed[0].id, failed[0].failure), (&good, None));
}

async fn set(store: &SqliteStore, change: &str, id: &InboxId) {
    let update = format!("UPDATE tas_inbox SET {change} WHERE id = '{id}'");
    let mut write = store.write().await.unwrap();
    let update = sqlx::query(sqlx::AssertSqlSafe(update));
    update.execute(write.conn()).await.unwrap();
    write.commit().await.unwrap();
}
