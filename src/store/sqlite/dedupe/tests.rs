use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::receive::dedupe::{Identity, Message};
use crate::store::sql::columns::to_column;

mod contract_in_memory {
    crate::__dedupe_store_tests!(async || {
        super::SqliteStore::connect("sqlite::memory:")
            .await
            .unwrap()
    });
}

mod contract_on_disk {
    use super::{OnDisk, SqliteStore, TempDir};

    crate::__dedupe_store_tests!(async || {
        let dir = TempDir::new().unwrap();
        let store = SqliteStore::open(dir.path().join("a.db")).await.unwrap();
        OnDisk { store, _dir: dir }
    });
}

/// A store whose file is deleted with it.
struct OnDisk {
    store: SqliteStore,
    _dir: TempDir,
}

impl DedupeStore for OnDisk {
    fn claim(&self, keys: &DedupeKeys, now: UnixMillis, until: UnixMillis) -> Reply<Claimed> {
        self.store.claim(keys, now, until)
    }

    fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Reply<()> {
        self.store.renew(keys, until)
    }

    fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Reply<()> {
        self.store.commit(keys, now)
    }

    fn release(&self, keys: &DedupeKeys) -> Reply<()> {
        DedupeStore::release(&self.store, keys)
    }
}

const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);
const LEASE: Duration = Duration::from_secs(60);

fn unsigned(dedupe: &Dedupe, id: &str, sent_at: UnixMillis) -> DedupeKeys {
    dedupe.keys(&Message {
        tenant: None,
        identity: Identity::unsigned(Some(id), b"{}"),
        sent_at: Some(sent_at),
        replayable: Duration::from_secs(900),
    })
}

async fn rows(store: &SqliteStore) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM tas_dedupe");
    count.fetch_one(store.reader()).await.unwrap()
}

#[tokio::test]
async fn a_commit_outlives_the_store() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let keys = unsigned(&store.dedupe("crm").unwrap(), "a", NOW);
    store
        .claim(&keys, NOW, NOW.saturating_add(LEASE))
        .await
        .unwrap();
    DedupeStore::commit(&store, &keys, NOW).await.unwrap();
    store.close().await;

    let store = SqliteStore::open(&path).await.unwrap();
    let retry = unsigned(&store.dedupe("crm").unwrap(), "a", NOW);
    let claimed = store.claim(&retry, NOW, NOW.saturating_add(LEASE)).await;
    assert_eq!(claimed.unwrap(), Claimed::Done);
}

#[tokio::test]
async fn expired_rows_are_deleted_in_bounded_batches() {
    let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
    let dedupe = store.dedupe("crm").unwrap();
    let claim = async |id: String, now: UnixMillis| {
        let keys = unsigned(&dedupe, &id, now);
        let claimed = store.claim(&keys, now, now.saturating_add(LEASE)).await;
        assert!(matches!(claimed.unwrap(), Claimed::Fresh { .. }));
    };
    for n in 0..320 {
        let sent_at = NOW.saturating_add(Duration::from_secs(n));
        claim(format!("old {n}"), sent_at).await;
    }
    let before = rows(&store).await;
    let week = Duration::from_secs(8 * 24 * 60 * 60);
    let later = NOW.saturating_add(week);
    for n in 0..64 {
        claim(format!("new {n}"), later.saturating_add(LEASE * n)).await;
    }
    // There is one sweep in 64 claims, and it deletes one batch.
    assert_eq!(rows(&store).await, before + 64 * 3 - 256);
    for n in 64..64 * 6 {
        claim(format!("new {n}"), later.saturating_add(LEASE * n)).await;
    }
    let left = "SELECT count(*) FROM tas_dedupe WHERE until <= ?1";
    let left: i64 = sqlx::query_scalar(left)
        .bind(to_column(later))
        .fetch_one(store.reader())
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn without_its_tables_the_store_fails_with_the_cause() {
    let dir = TempDir::new().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(dir.path().join("app.db"))
        .create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let store = SqliteStore::from_pool(pool);
    let keys = unsigned(&store.dedupe("crm").unwrap(), "a", NOW);
    let claimed = store.claim(&keys, NOW, NOW.saturating_add(LEASE)).await;
    assert!(claimed.unwrap_err().is_migration());
}
