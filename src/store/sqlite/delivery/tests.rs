use tempfile::TempDir;

use crate::store::sqlite::SqliteStore;

async fn new_store() -> (SqliteStore, TempDir) {
    let dir = TempDir::new().unwrap();
    let store = SqliteStore::open(dir.path().join("a.db")).await.unwrap();
    (store, dir)
}

mod delivery_contract {
    crate::testing::delivery_store_tests!(super::new_store);
}

mod endpoint_contract {
    crate::testing::endpoint_store_tests!(super::new_store);
}

mod in_memory {
    use crate::store::sqlite::SqliteStore;

    crate::testing::delivery_store_tests!(async || {
        (SqliteStore::connect("sqlite::memory:").await.unwrap(), ())
    });
}
