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

/// Runs the suite of every port over the store of a URL.
macro_rules! contracts {
    ($url:literal) => {
        mod deliveries {
            use crate::store::AnyStore;

            crate::__delivery_store_tests!(async || (AnyStore::connect($url).await.unwrap(), ()));
        }

        mod endpoints {
            use crate::store::AnyStore;

            crate::__endpoint_store_tests!(async || (AnyStore::connect($url).await.unwrap(), ()));
        }

        mod dedupe {
            use crate::store::AnyStore;
            use crate::testing::dedupe_suite::Receiver;

            crate::__dedupe_store_tests!(async || {
                let store = AnyStore::connect($url).await.unwrap();
                Receiver::bound(|source| store.dedupe(source).unwrap())
            });
        }

        mod inbox {
            use crate::store::AnyStore;
            use crate::testing::inbox_suite::InboxPorts;

            crate::__inbox_store_tests!(async || {
                let store = AnyStore::connect($url).await.unwrap();
                let ports = InboxPorts::bound(|source| store.inbox(source).unwrap());
                (ports, ())
            });
        }

        mod keys {
            use crate::store::AnyStore;

            crate::__key_store_tests!(async || {
                let store = AnyStore::connect($url).await.unwrap();
                (store.keys(), store)
            });
        }

        mod mirror {
            use crate::receive::mirror::TablePrefix;
            use crate::store::AnyStore;

            crate::__mirror_store_tests!(async || {
                let store = AnyStore::connect($url).await.unwrap();
                (store.mirror(TablePrefix::default()).await.unwrap(), ())
            });
        }
    };
}

mod memory {
    contracts!("memory:");
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use super::*;

    contracts!("sqlite::memory:");

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

    #[tokio::test]
    async fn a_sqlite_url_opens_a_file() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("auth-sync.db");
        let url = format!("sqlite://{}", path.display());
        AnyStore::connect(&url).await.unwrap();
        assert!(path.is_file());
    }
}
