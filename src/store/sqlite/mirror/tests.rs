use sqlx::Row;
use tempfile::TempDir;

use super::*;
use crate::receive::mirror::Mirror;
use crate::wire::event::AuthEvent;

mod conformance {
    use tempfile::TempDir;

    use crate::receive::mirror::TablePrefix;
    use crate::store::sqlite::mirror::SqliteStore;

    crate::__mirror_store_tests!(async || {
        let dir = TempDir::new().unwrap();
        let store = SqliteStore::open(dir.path().join("mirror.db")).await;
        let mirror = store.unwrap().mirror_tables(TablePrefix::default()).await;
        (mirror.unwrap(), dir)
    });
}

async fn open(dir: &TempDir) -> SqliteStore {
    SqliteStore::open(dir.path().join("mirror.db"))
        .await
        .unwrap()
}

fn created(id: &str) -> AuthEvent {
    let payload = format!(
        r#"{{"event":"user.created","timestamp":1700000000,
            "data":{{"id":"{id}","email":"{id}@example.com","emailVerified":true}}}}"#
    );
    AuthEvent::from_slice(payload.as_bytes()).unwrap()
}

#[tokio::test]
async fn users_are_an_ordinary_table_that_other_tables_may_refer_to() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).await;
    let mirror = store.mirror(TablePrefix::default()).await.unwrap();
    mirror.apply(&created("u")).await.unwrap();
    for sql in [
        "CREATE TABLE notes (user TEXT REFERENCES auth_users (id) ON DELETE CASCADE, text TEXT)",
        "INSERT INTO notes VALUES ('u', 'mine')",
    ] {
        let mut write = store.write().await.unwrap();
        sqlx::query(sql).execute(write.conn()).await.unwrap();
        write.commit().await.unwrap();
    }
    let update = br#"{"event":"user.updated","timestamp":1700000009,"data":{"id":"u","name":"n"}}"#;
    mirror
        .apply(&AuthEvent::from_slice(update).unwrap())
        .await
        .unwrap();
    let rows = sqlx::query(
        "SELECT u.email, u.email_verified, u.name, u.data ->> 'email' AS json, n.text
         FROM auth_users u JOIN notes n ON n.user = u.id",
    )
    .fetch_all(store.reader())
    .await
    .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<String, _>("email"), "u@example.com");
    assert!(rows[0].get::<bool, _>("email_verified"));
    assert_eq!(rows[0].get::<String, _>("name"), "n");
    assert_eq!(rows[0].get::<String, _>("json"), "u@example.com");
    assert_eq!(rows[0].get::<String, _>("text"), "mine");
}

#[tokio::test]
async fn users_and_tombstones_survive_a_restart() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).await;
    let mirror = store.mirror(TablePrefix::default()).await.unwrap();
    mirror.apply(&created("u")).await.unwrap();
    let deleted = br#"{"event":"user.deleted","timestamp":1700000001,"data":{"id":"v"}}"#;
    mirror
        .apply(&AuthEvent::from_slice(deleted).unwrap())
        .await
        .unwrap();
    store.close().await;

    let store = open(&dir).await;
    let mirror = store.mirror(TablePrefix::default()).await.unwrap();
    assert!(mirror.user("u").await.unwrap().is_some());
    assert_eq!(
        mirror.apply(&created("v")).await.unwrap(),
        Applied::Unchanged
    );
}

#[tokio::test]
async fn two_prefixes_in_one_file_are_two_mirrors() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).await;
    let crm = TablePrefix::new("crm_").unwrap();
    let one = store.mirror(TablePrefix::default()).await.unwrap();
    let other = store.mirror(crm.clone()).await.unwrap();
    other.apply(&created("u")).await.unwrap();
    assert!(one.user("u").await.unwrap().is_none());
    assert!(other.user("u").await.unwrap().is_some());
    store.mirror(crm).await.unwrap();
    let tables: Vec<(String,)> =
        sqlx::query_as("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'crm%'")
            .fetch_all(store.reader())
            .await
            .unwrap();
    assert_eq!(tables.len(), 4, "{tables:?}");
}

#[tokio::test]
async fn a_table_of_the_application_is_not_changed() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).await;
    let mut write = store.write().await.unwrap();
    sqlx::query("CREATE TABLE auth_users (mine TEXT)")
        .execute(write.conn())
        .await
        .unwrap();
    write.commit().await.unwrap();
    let error = store.mirror(TablePrefix::default()).await.unwrap_err();
    assert!(error.is_migration(), "{error}");
}

#[tokio::test]
async fn a_damaged_row_is_reported_and_not_overwritten() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir).await;
    let mirror = store.mirror_tables(TablePrefix::default()).await.unwrap();
    Mirror::new(mirror.clone())
        .apply(&created("u"))
        .await
        .unwrap();
    let mut write = store.write().await.unwrap();
    sqlx::query("UPDATE auth_users SET versions = '{}'")
        .execute(write.conn())
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert!(mirror.user("u").await.unwrap_err().is_corrupt());
    let later = br#"{"event":"user.updated","timestamp":1700000009,"data":{"id":"u","name":"n"}}"#;
    let change = MirrorChange::of(&AuthEvent::from_slice(later).unwrap()).unwrap();
    assert!(
        mirror
            .apply(&change.unwrap(), UnixMillis::EPOCH, Duration::ZERO)
            .await
            .unwrap_err()
            .is_corrupt()
    );
}
