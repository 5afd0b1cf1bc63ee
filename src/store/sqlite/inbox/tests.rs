use tempfile::TempDir;

use super::*;

mod conformance {
    use super::{SqliteStore, TempDir};

    crate::testing::inbox_store_tests!(async || {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("auth-sync.db");
        (SqliteStore::open(path).await.unwrap(), dir)
    });
}

/// A statement that went through all messages would hold the writers up.
#[tokio::test]
async fn what_is_due_over_or_failed_is_found_by_an_index() {
    let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
    for (statement, parameters) in [
        (TAKEN, 3),
        (END_LAPSED, 3),
        (SELECT_DUE, 3),
        (NEXT_DUE, 1),
        (SELECT_OVER, 4),
        (DELETE_NAMES, 1),
        (FAILED, 3),
        (SETTLE, 7),
    ] {
        let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let mut query = sqlx::query_as(plan);
        for _ in 0..parameters {
            query = query.bind("[]");
        }
        let mut write = store.write().await.unwrap();
        let steps: Vec<(i64, i64, i64, String)> = query.fetch_all(write.conn()).await.unwrap();
        for (.., step) in &steps {
            let scans = step.starts_with("SCAN") && !step.contains("json_each");
            assert!(!scans, "{step} in {statement}");
        }
    }
}

#[tokio::test]
async fn what_was_received_is_there_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("auth-sync.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let id = crate::testing::inbox_suite::store_new(&store, "msg_1", 0).await;
    store.close().await;
    let store = SqliteStore::open(&path).await.unwrap();
    let found = store.find("suite", &id).await.unwrap();
    assert_eq!(found.map(|record| record.id), Some(id));
}
