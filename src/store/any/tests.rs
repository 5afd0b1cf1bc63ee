use std::error::Error as _;

use super::*;
use crate::send::outbox::OutboxStore as _;

#[tokio::test]
async fn memory_needs_no_database() {
    let store = AnyStore::connect("memory:").await.unwrap();
    store.outbox().ping().await.unwrap();
}

#[tokio::test]
async fn a_url_of_an_unknown_store_is_refused_without_being_quoted() {
    for url in [
        "",
        "auth-sync.db",
        "mysql://user:hunter2@host/db",
        "MEMORY:",
    ] {
        let error = AnyStore::connect(url).await.unwrap_err();
        assert!(error.is_address(), "{url}");
        let said = error.source().unwrap().to_string();
        assert!(
            said.contains("`memory:`") && !said.contains("hunter2"),
            "{said}"
        );
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use super::*;

    #[tokio::test]
    async fn one_prefix_is_one_mirror_in_every_store() {
        let created = br#"{"event":"user.created","timestamp":1700000000,"data":{"id":"u"}}"#;
        let created = crate::wire::event::AuthEvent::from_slice(created).unwrap();
        for url in ["memory:", "sqlite::memory:"] {
            let store = AnyStore::connect(url).await.unwrap();
            let mirror = store.mirror(TablePrefix::default()).await.unwrap();
            mirror.apply(&created).await.unwrap();
            let same = store.clone().mirror(TablePrefix::default()).await.unwrap();
            assert!(same.user("u").await.unwrap().is_some(), "{url}");
            let crm = TablePrefix::new("crm_").unwrap();
            let other = store.mirror(crm).await.unwrap();
            assert!(other.user("u").await.unwrap().is_none(), "{url}");
        }
    }

    mod delivery_contract {
        use super::AnyStore;

        crate::__delivery_store_tests!(async || {
            (AnyStore::connect("sqlite::memory:").await.unwrap(), ())
        });
    }

    mod endpoint_contract {
        use super::AnyStore;

        crate::__endpoint_store_tests!(async || {
            (AnyStore::connect("sqlite::memory:").await.unwrap(), ())
        });
    }

    #[tokio::test]
    async fn a_sqlite_url_opens_a_file() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("auth-sync.db");
        let url = format!("sqlite://{}", path.display());
        AnyStore::connect(&url).await.unwrap();
        assert!(path.is_file());
    }
}
