//! A database with damaged pages.

use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};

use bytes::Bytes;

use super::*;
use crate::base::id::MessageId;
use crate::send::outbox::{NewEvent, OutboxStore as _, Outcome, Settlement};
use crate::testing::delivery_suite::{at, endpoint, limit, report, request};
use crate::wire::event::EventType;

const PAGE: usize = 4096;

fn event(id: &str) -> NewEvent {
    NewEvent::new(
        MessageId::new(id).unwrap(),
        EventType::UserCreated,
        Bytes::from(vec![b'x'; 500]),
    )
}

/// Creates a database with pending and delivered events, and returns its number of pages.
async fn filled(path: &Path) -> usize {
    let store = SqliteStore::open(path).await.unwrap();
    endpoint(&store, "one").await;
    let events = (0..300).map(|number| event(&format!("msg_{number}")));
    store.enqueue(events.collect(), at(0)).await.unwrap();
    for lease in store.lease(limit(100), request(100, 0)).await.unwrap() {
        let settlement = Settlement::new(report(0, 200), Outcome::Delivered);
        store.settle(&lease, settlement, at(0)).await.unwrap();
    }
    // Damage to a free page harms no table, and is found when the page is used again.
    sqlx::query("VACUUM")
        .execute(&store.inner.writer)
        .await
        .unwrap();
    store.close().await;
    let bytes = path.metadata().unwrap().len();
    usize::try_from(bytes).unwrap() / PAGE
}

fn overwrite(path: &Path, pages: std::ops::Range<usize>, with: u8) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    let from = u64::try_from(pages.start * PAGE).unwrap();
    file.seek(SeekFrom::Start(from)).unwrap();
    file.write_all(&vec![with; pages.len() * PAGE]).unwrap();
}

async fn assert_stores_nothing(store: &SqliteStore, what: &str) {
    let error = store.ping().await.expect_err(what);
    assert!(error.is_corrupt(), "{what}: {}", chain(&error));
    assert!(chain(&error).contains("damaged"), "{}", chain(&error));
    let refused = store.enqueue(vec![event("new")], at(1)).await;
    assert!(refused.expect_err(what).is_corrupt(), "{what}");
}

#[tokio::test]
async fn a_store_on_a_damaged_file_reports_it_and_stores_no_event() {
    let dir = TempDir::new().unwrap();
    let whole = dir.path().join("whole.db");
    let pages = filled(&whole).await;
    let (third, half) = (pages / 3, pages / 2);
    let single = (third..pages).step_by(5).map(|page| page..page + 1);
    let ranges = [third..half, half..pages - third, third..pages];
    for (number, range) in single.chain(ranges).enumerate() {
        let path = dir.path().join(format!("{number}.db"));
        std::fs::copy(&whole, &path).unwrap();
        overwrite(&path, range.clone(), [0xa5, 0][number % 2]);
        let what = format!("{range:?} of {pages}");
        match SqliteStore::open(&path).await {
            Ok(store) => assert_stores_nothing(&store, &what).await,
            // The list of tables itself is damaged.
            Err(error) => assert!(error.is_corrupt(), "{what}: {}", chain(&error)),
        }
    }
    let sound = SqliteStore::open(&whole).await.unwrap();
    sound.ping().await.unwrap();
    sound.enqueue(vec![event("new")], at(1)).await.unwrap();
}

#[tokio::test]
async fn damage_that_a_workers_statement_finds_is_remembered() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.db");
    let pages = filled(&path).await;
    let store = SqliteStore::open(&path).await.unwrap();
    // The check runs while the file is sound.
    store.ping().await.unwrap();
    store.inner.reader.close().await;
    overwrite(&path, pages / 3..pages, 0xa5);
    let mut write = store.write().await.unwrap();
    sqlx::query("PRAGMA shrink_memory")
        .execute(write.conn())
        .await
        .unwrap();
    drop(write);
    let error = store.lease(limit(100), request(100, 1)).await.unwrap_err();
    assert!(error.is_corrupt(), "{}", chain(&error));
    assert_stores_nothing(&store, "while it is open").await;
}

#[tokio::test]
async fn tables_of_the_application_are_not_checked() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.db");
    filled(&path).await;
    let store = SqliteStore::open(&path).await.unwrap();
    let mut write = store.write().await.unwrap();
    let table = "CREATE TABLE theirs AS SELECT payload FROM tas_events";
    sqlx::query(table).execute(write.conn()).await.unwrap();
    write.commit().await.unwrap();
    store.close().await;
    let pages = usize::try_from(path.metadata().unwrap().len()).unwrap() / PAGE;
    overwrite(&path, pages - 5..pages, 0xa5);
    SqliteStore::open(&path)
        .await
        .unwrap()
        .ping()
        .await
        .unwrap();
}
