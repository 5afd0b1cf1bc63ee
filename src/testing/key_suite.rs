//! The conformance suite of [`KeyStore`](crate::token::KeyStore).

use std::iter;

use tokio::task::JoinSet;

use crate::base::clock::UnixMillis;
use crate::base::secret::Secret;
use crate::testing::ManualClock;
use crate::token::{KeyId, Keys};

/// Makes one test for each point of the contract of [`KeyStore`](crate::token::KeyStore).
///
/// Takes a closure that makes, each time, an empty store and whatever has to outlive it, such as its
/// directory: `async || -> (impl Into<Keys>, Guard)`; for a store of your own, `Keys::new(store)`. Put it
/// in a module of its own. Needs `tokio` with `macros` and `rt` beside it.
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
                    $crate::testing::key_suite::$case(store.into()).await;
                }
            }
        )*
    };
}

const ISSUER: &str = "https://auth.example";

fn id(text: &str) -> KeyId {
    KeyId::new(text).unwrap()
}

/// Returns the text of a key, another one for each issuer and id.
fn text(issuer: &str, id: &str) -> String {
    format!("the private key {id} of {issuer}")
}

async fn append(keys: &Keys, issuer: &str, new: &str, after: Option<&str>) -> bool {
    let jwk = Secret::verbatim(text(issuer, new)).unwrap();
    let after = after.map(id);
    let appended = keys.append(issuer, id(new), jwk, after.as_ref()).await;
    appended.unwrap()
}

async fn ids(keys: &Keys, issuer: &str) -> Vec<String> {
    let keys = keys.list(issuer).await.unwrap();
    keys.iter().map(|key| key.id.to_string()).collect()
}

pub async fn keys_are_listed_in_the_order_of_their_appends_as_they_were_given(keys: Keys) {
    assert!(ids(&keys, ISSUER).await.is_empty());
    let given = ["2026-11/ä \"key\"", &"z".repeat(256), "a"];
    // The clock is set back twice.
    let times = [1_700_000_000_000, 5, 0].map(UnixMillis::from_millis);
    let mut after = None;
    for (id, time) in iter::zip(given, times) {
        let keys = keys.clone().with_clock(ManualClock::at(time));
        assert!(append(&keys, ISSUER, id, after).await, "{id}");
        after = Some(id);
    }
    let listed = keys.list(ISSUER).await.unwrap();
    assert_eq!(listed.len(), given.len());
    for (listed, (id, time)) in iter::zip(listed, iter::zip(given, times)) {
        assert_eq!(listed.issuer, ISSUER);
        assert_eq!(listed.id.as_str(), id);
        assert_eq!(listed.jwk.expose(), text(ISSUER, id));
        assert_eq!(listed.created_at, time);
    }
}

pub async fn a_key_is_appended_only_behind_the_newest(keys: Keys) {
    assert!(!append(&keys, ISSUER, "a", Some("a")).await);
    assert!(append(&keys, ISSUER, "a", None).await);
    for after in [None, Some("b"), Some("A")] {
        assert!(!append(&keys, ISSUER, "b", after).await, "{after:?}");
    }
    assert!(append(&keys, ISSUER, "b", Some("a")).await);
    for after in [None, Some("a"), Some("c")] {
        assert!(!append(&keys, ISSUER, "c", after).await, "{after:?}");
    }
    assert_eq!(ids(&keys, ISSUER).await, ["a", "b"]);
}

pub async fn an_id_is_stored_once(keys: Keys) {
    assert!(append(&keys, ISSUER, "a", None).await);
    assert!(append(&keys, ISSUER, "b", Some("a")).await);
    // As a caller does whose first try was stored and not answered.
    assert!(!append(&keys, ISSUER, "b", Some("a")).await);
    for again in ["a", "b"] {
        assert!(!append(&keys, ISSUER, again, Some("b")).await, "{again}");
    }
    assert_eq!(ids(&keys, ISSUER).await, ["a", "b"]);
}

pub async fn issuers_do_not_see_each_other_s_keys(keys: Keys) {
    let slash = "https://auth.example/";
    for issuer in [ISSUER, slash, "https://AUTH.example", "%"] {
        assert!(ids(&keys, issuer).await.is_empty(), "{issuer}");
        assert!(append(&keys, issuer, "a", None).await, "{issuer}");
    }
    assert!(append(&keys, ISSUER, "b", Some("a")).await);
    assert!(!append(&keys, slash, "c", Some("b")).await);
    assert!(append(&keys, slash, "c", Some("a")).await);
    assert_eq!(ids(&keys, ISSUER).await, ["a", "b"]);
    assert_eq!(ids(&keys, slash).await, ["a", "c"]);
}

pub async fn of_concurrent_appends_one_is_stored(keys: Keys) {
    let mut after: Option<String> = None;
    for round in 1..=8 {
        let mut appends = JoinSet::new();
        for n in 0..8 {
            let (keys, after, new) = (keys.clone(), after.clone(), format!("{round}/{n}"));
            appends.spawn(async move {
                let appended = append(&keys, ISSUER, &new, after.as_deref()).await;
                appended.then_some(new)
            });
        }
        let appended: Vec<String> = appends.join_all().await.into_iter().flatten().collect();
        assert_eq!(appended.len(), 1);
        let stored = ids(&keys, ISSUER).await;
        assert_eq!(stored.len(), round);
        assert_eq!(stored.last(), appended.first());
        after = appended.into_iter().next();
    }
}
