//! The conformance suite of [`KeyStore`].

use std::iter;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::base::actor::Actor;
use crate::base::clock::UnixMillis;
use crate::base::secret::Secret;
use crate::token::{KeyId, KeyStore, StoredKey};

/// Makes one test for each point of the contract of [`KeyStore`](crate::token::KeyStore).
///
/// Takes a closure that makes, each time, an empty store and whatever has to outlive it, such as its
/// directory: `async || -> (impl KeyStore, Guard)`. Put it in a module of its own. Needs `tokio` with
/// `macros` and `rt` beside it.
///
/// ```
/// mod memory {
///     tower_auth_sync::testing::key_store_tests!(async || {
///         (tower_auth_sync::token::MemoryKeys::new(), ())
///     });
/// }
/// ```
///
/// With `optional` before it the closure may return `None`, where there is no server to connect to;
/// the tests then pass without having run: let it print that, and fail where a server must be.
#[doc(hidden)]
#[macro_export]
macro_rules! __key_store_tests {
    (optional $make:expr) => {
        $crate::__key_store_tests! { @cases $make;
            keys_are_listed_in_the_order_of_their_appends_as_they_were_given
            a_key_is_appended_only_behind_the_newest
            an_id_is_stored_once
            issuers_do_not_see_each_other_s_keys
            of_concurrent_appends_one_is_stored
        }
    };
    ($make:expr) => {
        $crate::__key_store_tests! { optional async || Some(($make)().await) }
    };
    (@cases $make:expr; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                if let Some((store, _guard)) = ($make)().await {
                    $crate::testing::key_suite::$case(store).await;
                }
            }
        )*
    };
}

const ISSUER: &str = "https://auth.example";

const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);

fn id(text: &str) -> KeyId {
    KeyId::new(text).unwrap()
}

fn key_of(issuer: &str, id: &str, created_at: UnixMillis) -> StoredKey {
    let jwk = Secret::verbatim(format!("the private key {id} of {issuer}")).unwrap();
    StoredKey::new(issuer, KeyId::new(id).unwrap(), jwk, created_at)
}

async fn append(store: &impl KeyStore, key: &StoredKey, after: Option<&str>) -> bool {
    let after = after.map(id);
    let appended = store.append(key, after.as_ref(), &Actor::system()).await;
    appended.unwrap()
}

/// Appends a key that is only told by its id.
async fn push(store: &impl KeyStore, new: &str, after: Option<&str>) -> bool {
    append(store, &key_of(ISSUER, new, NOW), after).await
}

async fn ids(store: &impl KeyStore, issuer: &str) -> Vec<String> {
    let keys = store.list(issuer).await.unwrap();
    keys.iter().map(|key| key.id.to_string()).collect()
}

pub async fn keys_are_listed_in_the_order_of_their_appends_as_they_were_given(
    store: impl KeyStore,
) {
    assert!(ids(&store, ISSUER).await.is_empty());
    let ids = ["2026-11/ä \"key\"", &"z".repeat(256), "a"];
    // The clock is set back twice.
    let times = [NOW.as_millis(), 5, 0];
    let given: Vec<StoredKey> = iter::zip(ids, times)
        .map(|(id, time)| key_of(ISSUER, id, UnixMillis::from_millis(time)))
        .collect();
    let mut after = None;
    for key in &given {
        assert!(append(&store, key, after).await, "{}", key.id);
        after = Some(key.id.as_str());
    }
    let listed = store.list(ISSUER).await.unwrap();
    assert_eq!(listed.len(), given.len());
    for (listed, given) in iter::zip(&listed, &given) {
        assert_eq!(listed.issuer, given.issuer);
        assert_eq!(listed.id, given.id);
        assert_eq!(listed.jwk.expose(), given.jwk.expose());
        assert_eq!(listed.created_at, given.created_at);
    }
}

pub async fn a_key_is_appended_only_behind_the_newest(store: impl KeyStore) {
    assert!(!push(&store, "a", Some("a")).await);
    assert!(push(&store, "a", None).await);
    for after in [None, Some("b"), Some("A")] {
        assert!(!push(&store, "b", after).await, "{after:?}");
    }
    assert!(push(&store, "b", Some("a")).await);
    for after in [None, Some("a"), Some("c")] {
        assert!(!push(&store, "c", after).await, "{after:?}");
    }
    assert_eq!(ids(&store, ISSUER).await, ["a", "b"]);
}

pub async fn an_id_is_stored_once(store: impl KeyStore) {
    assert!(push(&store, "a", None).await);
    assert!(push(&store, "b", Some("a")).await);
    // As a caller does whose first try was stored and not answered.
    assert!(!push(&store, "b", Some("a")).await);
    for again in ["a", "b"] {
        assert!(!push(&store, again, Some("b")).await, "{again}");
    }
    assert_eq!(ids(&store, ISSUER).await, ["a", "b"]);
}

pub async fn issuers_do_not_see_each_other_s_keys(store: impl KeyStore) {
    let issuers = [ISSUER, "https://auth.example/", "https://AUTH.example", "%"];
    for issuer in issuers {
        assert!(ids(&store, issuer).await.is_empty(), "{issuer}");
        assert!(
            append(&store, &key_of(issuer, "a", NOW), None).await,
            "{issuer}"
        );
    }
    let (mine, other) = (key_of(ISSUER, "b", NOW), key_of(issuers[1], "c", NOW));
    assert!(append(&store, &mine, Some("a")).await);
    assert!(!append(&store, &other, Some("b")).await);
    assert!(append(&store, &other, Some("a")).await);
    assert_eq!(ids(&store, ISSUER).await, ["a", "b"]);
    assert_eq!(ids(&store, issuers[1]).await, ["a", "c"]);
}

pub async fn of_concurrent_appends_one_is_stored(store: impl KeyStore) {
    let store = Arc::new(store);
    let mut newest: Option<KeyId> = None;
    for round in 0..8 {
        let mut appends = JoinSet::new();
        for n in 0..8 {
            let key = key_of(ISSUER, &format!("{round}/{n}"), NOW);
            let (store, after) = (Arc::clone(&store), newest.clone());
            appends.spawn(async move {
                let appended = store.append(&key, after.as_ref(), &Actor::system()).await;
                appended.unwrap().then_some(key.id)
            });
        }
        let appended = appends.join_all().await;
        let appended: Vec<KeyId> = appended.into_iter().flatten().collect();
        assert_eq!(appended.len(), 1);
        newest = appended.into_iter().next();
        let keys = store.list(ISSUER).await.unwrap();
        assert_eq!(keys.len(), round + 1);
        assert_eq!(keys.last().map(|key| &key.id), newest.as_ref());
    }
}
