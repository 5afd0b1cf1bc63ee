mod damage;
mod full;
mod opening;

use std::error::Error;

use tempfile::TempDir;

use super::*;

/// Returns the messages of an error and all its causes, one per line.
fn chain(error: &dyn Error) -> String {
    let mut lines = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        lines.push('\n');
        lines.push_str(&cause.to_string());
        next = cause.source();
    }
    lines
}

async fn pragma(pool: &SqlitePool, sql: &'static str) -> String {
    let row: (String,) = sqlx::query_as(sql).fetch_one(pool).await.unwrap();
    row.0
}

#[tokio::test]
async fn a_missing_file_is_created_and_written_durably() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("new.db");
    let store = SqliteStore::open(&path).await.unwrap();
    assert!(path.is_file());
    for pool in [&store.inner.writer, &store.inner.reader] {
        let journal = "SELECT journal_mode FROM pragma_journal_mode";
        let synchronous = "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous";
        let foreign_keys = "SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys";
        assert_eq!(pragma(pool, journal).await, "wal");
        assert_eq!(pragma(pool, synchronous).await, "2");
        assert_eq!(pragma(pool, foreign_keys).await, "1");
    }
}

#[tokio::test]
async fn urls_and_plain_paths_name_the_same_file() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a b.db").display().to_string();
    for address in [
        path.clone(),
        format!("sqlite://{path}"),
        format!("sqlite:{path}"),
    ] {
        SqliteStore::connect(&address).await.unwrap();
        assert!(dir.path().join("a b.db").is_file(), "{address}");
        let made = dir.path().read_dir().unwrap().count();
        assert!(made <= 3, "{address} made another file");
    }
}

#[tokio::test]
async fn a_database_in_memory_is_one_for_all_copies_of_the_store() {
    let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
    let copy = store.clone();
    let tables = "SELECT CAST(count(*) AS TEXT) FROM tas_events";
    assert_eq!(pragma(copy.reader(), tables).await, "0");
    assert_eq!(pragma(store.reader(), tables).await, "0");
}

#[tokio::test]
async fn a_file_whose_name_looks_like_memory_is_a_file() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a:memory:mode=memory.db");
    let url = format!("sqlite://{}", path.display());
    let store = SqliteStore::connect(&url).await.unwrap();
    assert!(path.is_file());
    let journal = "SELECT journal_mode FROM pragma_journal_mode";
    // The readers have their own connections.
    let writing = store.inner.writer.acquire().await.unwrap();
    assert_eq!(pragma(store.reader(), journal).await, "wal");
    drop(writing);
}

#[cfg(unix)]
mod modes {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn only_its_owner_can_read_a_new_file() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a.db");
        for address in [
            path.display().to_string(),
            format!("sqlite://{}", path.display()),
        ] {
            let store = SqliteStore::connect(&address).await.unwrap();
            store.write().await.unwrap().commit().await.unwrap();
            for end in ["a.db", "a.db-wal", "a.db-shm"] {
                assert_eq!(mode(&dir.path().join(end)), 0o600, "{end}");
            }
            store.close().await;
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[tokio::test]
    async fn the_mode_of_an_existing_file_does_not_change() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a.db");
        std::fs::write(&path, "").unwrap();
        let shared = std::fs::Permissions::from_mode(0o660);
        std::fs::set_permissions(&path, shared).unwrap();
        SqliteStore::open(&path).await.unwrap();
        assert_eq!(mode(&path), 0o660);
    }

    #[tokio::test]
    async fn a_read_only_address_creates_no_file() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a.db");
        let url = format!("sqlite://{}?mode=ro", path.display());
        assert!(SqliteStore::connect(&url).await.unwrap_err().is_address());
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn an_address_that_is_no_sqlite_database_is_refused_without_being_quoted() {
    for address in ["postgres://user:hunter2@host/db", "", ":memory:"] {
        let error = SqliteStore::connect(address).await.unwrap_err();
        assert!(error.is_address(), "{address}");
        assert!(!chain(&error).contains("hunter2"));
    }
}

#[tokio::test]
async fn an_error_names_the_path_that_cannot_be_opened() {
    let dir = TempDir::new().unwrap();
    let text = dir.path().join("notes.txt");
    std::fs::write(
        &text,
        "not a database, but long enough to be looked at".repeat(40),
    )
    .unwrap();
    let missing_parent = dir.path().join("no-such-directory").join("a.db");
    for path in [dir.path(), text.as_path(), missing_parent.as_path()] {
        let error = SqliteStore::open(path).await.unwrap_err();
        assert!(error.is_address(), "{}: {}", path.display(), chain(&error));
        assert!(chain(&error).contains(path.to_str().unwrap()));
    }
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let store = SqliteStore::open(dir.path().join("a.db")).await.unwrap();
    store.migrate().await.unwrap();
    let versions = "SELECT group_concat(version) FROM tas_migrations_delivery";
    assert_eq!(pragma(store.reader(), versions).await, "1,2");
}

#[tokio::test]
async fn several_stores_may_create_the_tables_of_one_file_at_once() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.db");
    let opened = tokio::join!(
        SqliteStore::open(&path),
        SqliteStore::open(&path),
        SqliteStore::open(&path)
    );
    opened.0.unwrap();
    opened.1.unwrap();
    opened.2.unwrap();
}

#[tokio::test]
async fn tables_of_a_newer_version_do_not_change() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.db");
    let store = SqliteStore::open(&path).await.unwrap();
    sqlx::query(
        "INSERT INTO tas_migrations_delivery VALUES (99, 'later', '2030-01-01', 1, x'00', 0)",
    )
    .execute(&store.inner.writer)
    .await
    .unwrap();
    store.close().await;

    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(error.is_future_migration());
    let said = chain(&error);
    assert!(
        said.contains("version 99") && said.contains("up to 2"),
        "{said}"
    );
}

#[tokio::test]
async fn a_script_that_was_changed_after_its_release_is_detected() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.db");
    let store = SqliteStore::open(&path).await.unwrap();
    sqlx::query("UPDATE tas_migrations_delivery SET checksum = x'00'")
        .execute(&store.inner.writer)
        .await
        .unwrap();
    assert!(store.migrate().await.unwrap_err().is_migration());
}

#[tokio::test]
async fn an_address_that_does_not_let_a_store_write_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    for query in [
        "mode=ro",
        "cache=private&mode=ro",
        "mode=ro&mode=rwc",
        "m%6fde=r%6f",
        "immutable=1",
        "immutable=true",
        "mode=rwc&immutable=1",
    ] {
        let url = format!("sqlite://{}?{query}", path.display());
        let error = SqliteStore::connect(&url).await.unwrap_err();
        assert!(error.is_address(), "{query}: {}", chain(&error));
        let said = chain(&error);
        assert!(
            said.contains("mode=ro") && said.contains("immutable"),
            "{said}"
        );
    }
    for query in ["mode=rw", "mode=rwc", "immutable=0", "immutable=false"] {
        let url = format!("sqlite://{}?{query}", path.display());
        SqliteStore::connect(&url).await.unwrap();
    }
}

#[tokio::test]
async fn a_pool_that_does_not_let_a_store_write_is_refused_by_migrate() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    let read_only = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .read_only(true);
    let store = SqliteStore::from_pool(SqlitePool::connect_with(read_only).await.unwrap());
    let error = store.migrate().await.unwrap_err();
    let said = chain(&error);
    assert!(
        error.is_unavailable() && said.contains("read-only"),
        "{said}"
    );
}

#[tokio::test]
async fn a_dropped_transaction_is_rolled_back_and_lets_the_next_writer_begin() {
    let dir = TempDir::new().unwrap();
    let store = SqliteStore::open(dir.path().join("a.db")).await.unwrap();
    let mut write = store.write().await.unwrap();
    sqlx::query("INSERT INTO tas_events (id, type, payload, created_at) VALUES ('a', 'b', x'', 0)")
        .execute(write.conn())
        .await
        .unwrap();
    drop(write);
    store.write().await.unwrap().commit().await.unwrap();
    let count = "SELECT CAST(count(*) AS TEXT) FROM tas_events";
    assert_eq!(pragma(store.reader(), count).await, "0");
}

#[tokio::test]
async fn writers_that_wait_for_another_process_fail_together_after_one_timeout() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.db");
    let (store, other) = (SqliteStore::open(&path), SqliteStore::open(&path));
    let (store, other) = (store.await.unwrap(), other.await.unwrap());
    let held = other.write().await.unwrap();
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    let refused = tokio::join!(store.write(), store.write(), store.write());
    let waited = begun.elapsed();
    for write in [refused.0, refused.1, refused.2] {
        assert!(write.err().unwrap().is_unavailable());
    }
    assert_eq!(waited.as_secs(), BUSY_TIMEOUT.as_secs());
    tokio::time::resume();

    held.commit().await.unwrap();
    store.write().await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn an_applications_own_pool_needs_migrate_once() {
    let dir = TempDir::new().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(dir.path().join("app.db"))
        .create_if_missing(true);
    let store = SqliteStore::from_pool(SqlitePool::connect_with(options).await.unwrap());
    store.migrate().await.unwrap();
    let count = "SELECT CAST(count(*) AS TEXT) FROM tas_events";
    assert_eq!(pragma(store.reader(), count).await, "0");
}

#[tokio::test]
async fn debug_shows_the_path_only() {
    let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
    assert!(format!("{store:?}").starts_with("SqliteStore { path: "));
}
