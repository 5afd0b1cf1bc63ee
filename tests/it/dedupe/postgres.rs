use sqlx::PgPool;
use tower_auth_sync::clock::{Clock as _, SystemClock};
use tower_auth_sync::store::postgres::PostgresStore;

use super::{kill, open, race, send};
use crate::servers;

mod contract {
    use super::{PostgresStore, servers};

    tower_auth_sync::__dedupe_store_tests!(optional async || {
        let url = servers::postgres().await?;
        Some(PostgresStore::connect(&url).await.unwrap())
    });
}

#[tokio::test]
async fn of_64_equal_requests_to_two_processes_one_is_handled() {
    if let Some(url) = servers::postgres().await {
        race(&url);
    }
}

#[tokio::test]
async fn a_killed_process_lets_the_retry_through_after_its_lease() {
    if let Some(url) = servers::postgres().await {
        kill(&url).await;
    }
}

#[tokio::test]
async fn several_stores_may_create_the_tables_of_one_database_at_once() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let opened = tokio::join!(
        PostgresStore::connect(&url),
        PostgresStore::connect(&url),
        PostgresStore::connect(&url)
    );
    opened.0.unwrap();
    opened.1.unwrap();
    let store = opened.2.unwrap();
    store.migrate().await.unwrap();
}

#[tokio::test]
async fn tables_of_a_newer_version_do_not_change() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let pool = PgPool::connect(&url).await.unwrap();
    let store = PostgresStore::from_pool(pool.clone());
    store.migrate().await.unwrap();
    sqlx::query("UPDATE tas_migrations_dedupe SET version = 99 WHERE version = 1")
        .execute(&pool)
        .await
        .unwrap();
    assert!(store.migrate().await.unwrap_err().is_future_migration());
}

#[tokio::test]
async fn without_its_tables_the_store_is_unavailable_to_the_sender() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let pool = PgPool::connect(&url).await.unwrap();
    let dedupe = PostgresStore::from_pool(pool).dedupe("crm").unwrap();
    let status = send(&dedupe, SystemClock, SystemClock.now(), || async {}).await;
    assert_eq!(status, 503);
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_a_wrong_address() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let url = url.replace("/postgres?", "/no_such_database?");
    assert!(PostgresStore::connect(&url).await.unwrap_err().is_address());
}

#[tokio::test]
async fn expired_rows_are_deleted_in_bounded_batches() {
    let Some(url) = servers::postgres().await else {
        return;
    };
    let dedupe = open(&url).await;
    let pool = PgPool::connect(&url).await.unwrap();
    let expired = "INSERT INTO tas_dedupe (key, kind, token, flag, until)
        SELECT decode(md5(n::text), 'hex'), 0, 0, true, 1 FROM generate_series(1, 300) n";
    sqlx::query(expired).execute(&pool).await.unwrap();
    let count = async || {
        let count = sqlx::query_scalar("SELECT count(*) FROM tas_dedupe WHERE until = 1");
        let count: i64 = count.fetch_one(&pool).await.unwrap();
        count
    };
    let now = SystemClock.now();
    for _ in 0..64 {
        send(&dedupe, SystemClock, now, || async {}).await;
    }
    assert_eq!(count().await, 300 - 256);
    for _ in 0..64 {
        send(&dedupe, SystemClock, now, || async {}).await;
    }
    assert_eq!(count().await, 0);
}
