//! The conformance suite of [`DedupeStore`].
#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

mod claims;
mod clocks;
mod replays;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::base::clock::UnixMillis;
use crate::receive::dedupe::{Claimed, Dedupe, DedupeKeys, DedupeStore, Identity, Message};

pub use self::claims::*;
pub use self::clocks::*;
pub use self::replays::*;

/// Makes one test for each point of the contract of [`DedupeStore`](crate::receive::dedupe::DedupeStore).
///
/// Takes a path or closure that makes an empty store each time: `async || -> impl DedupeStore`. Put
/// it in a module of its own. Needs `tokio` with `macros` and `rt` beside it.
///
/// ```
/// mod memory {
///     tower_auth_sync::testing::dedupe_store_tests!(async || {
///         tower_auth_sync::dedupe::MemoryDedupe::new()
///     });
/// }
/// ```
///
/// With `optional` before it the closure may return `None`, where there is no server to connect to;
/// the tests then pass without having run: let it print that, and fail where a server must be.
#[doc(hidden)]
#[macro_export]
macro_rules! __dedupe_store_tests {
    (optional $make:expr) => {
        $crate::__dedupe_store_tests! { @all $make }
    };
    ($make:expr) => {
        $crate::__dedupe_store_tests! { @all async || Some(($make)().await) }
    };
    (@all $make:expr) => {
        $crate::__dedupe_store_tests! { @cases $make;
            one_of_many_concurrent_claims_is_fresh
            one_of_many_concurrent_claims_of_one_request_is_fresh
            a_request_under_another_id_is_no_new_message_and_claims_nothing
            the_same_request_under_another_id_is_a_duplicate
            a_retry_with_a_new_time_is_a_duplicate
            a_replay_of_a_request_that_was_a_duplicate_is_a_duplicate
            a_replay_of_a_request_that_came_too_early_is_not_fresh
            a_replay_of_a_request_that_failed_is_a_duplicate_and_its_retry_is_not
            a_request_that_failed_may_come_again_unchanged
            a_replay_of_a_request_whose_claim_lapsed_is_a_duplicate
            a_request_is_known_for_its_whole_time
            another_body_under_an_unsigned_id_is_a_message_of_its_own
            a_signed_id_is_known_whatever_its_time
            a_message_without_id_is_known_by_its_time_and_body
            a_message_without_time_is_known_by_its_body
            two_sources_do_not_share_messages
            a_released_claim_is_free_at_once
            a_lapsed_claim_is_taken_over_and_its_keys_are_worth_nothing
            a_renewed_claim_lasts_until_its_new_end
            a_commit_is_remembered_for_its_whole_time
            a_second_commit_and_a_late_release_change_nothing
            done_goes_before_in_flight
            a_claim_of_a_clock_that_was_ahead_has_lapsed
            a_claim_of_a_clock_that_differs_a_little_is_not_taken_over
            what_a_clock_that_was_ahead_handled_stays_handled
        }
    };
    (@cases $make:expr; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                if let Some(store) = ($make)().await {
                    $crate::testing::dedupe_suite::$case(store.into()).await;
                }
            }
        )*
    };
}

const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);
const LEASE: Duration = Duration::from_secs(60);
const WINDOW: Duration = Duration::from_secs(900);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const FRESH: Claimed = Claimed::Fresh { other_body: false };
const DONE: Claimed = Claimed::Done;

/// The handles of one store, for two receivers.
#[derive(Clone, Debug)]
pub struct Receiver {
    dedupe: Dedupe,
    other: Dedupe,
}

impl<S: DedupeStore> From<S> for Receiver {
    fn from(store: S) -> Self {
        let store = Arc::new(store);
        Self::bound(|source| Dedupe::new(Arc::clone(&store), source).expect("it is valid"))
    }
}

impl Receiver {
    /// Makes the handles of a store with `bind`, which binds one to a source.
    pub(crate) fn bound(bind: impl Fn(&str) -> Dedupe) -> Self {
        let [dedupe, other] = ["suite", "other"].map(bind);
        Self { dedupe, other }
    }

    fn keys(&self, identity: Identity<'_>, sent_at: Option<UnixMillis>) -> DedupeKeys {
        self.dedupe.keys(&Message {
            tenant: None,
            identity,
            sent_at,
            replayable: WINDOW,
        })
    }

    fn unsigned(&self, id: &str, sent_at: UnixMillis, body: &str) -> DedupeKeys {
        self.keys(Identity::unsigned(Some(id), body), Some(sent_at))
    }

    async fn claim_at(&self, keys: &DedupeKeys, now: UnixMillis) -> Claimed {
        let claimed = self
            .dedupe
            .claim(keys, now, now.saturating_add(LEASE))
            .await;
        claimed.expect("the store works")
    }

    async fn claim(&self, keys: &DedupeKeys) -> Claimed {
        self.claim_at(keys, NOW).await
    }

    async fn handle(&self, keys: &DedupeKeys) {
        assert_eq!(self.claim(keys).await, FRESH);
        self.commit(keys).await;
    }

    async fn commit(&self, keys: &DedupeKeys) {
        self.dedupe
            .commit(keys, NOW)
            .await
            .expect("the claim is held");
    }

    async fn release(&self, keys: &DedupeKeys) {
        self.dedupe.release(keys).await.expect("the claim is held");
    }

    async fn assert_lost(&self, keys: &DedupeKeys, now: UnixMillis) {
        let until = now.saturating_add(LEASE);
        for result in [
            self.dedupe.renew(keys, until).await,
            self.dedupe.commit(keys, now).await,
            self.dedupe.release(keys).await,
        ] {
            let err = result.expect_err("the claim is lost");
            assert!(err.is_lease_lost(), "{err}");
        }
    }
}

fn after(duration: Duration) -> UnixMillis {
    NOW.saturating_add(duration)
}

pub async fn one_of_many_concurrent_claims_is_fresh(receiver: Receiver) {
    let mut claims = JoinSet::new();
    for _ in 0..64 {
        let keys = receiver.unsigned("a", NOW, "body");
        claims.spawn(receiver.dedupe.claim(&keys, NOW, after(LEASE)));
    }
    let claims = claims.join_all().await;
    let fresh = claims.iter().filter(|claim| matches!(claim, Ok(FRESH)));
    assert_eq!(fresh.count(), 1);
    let in_flight = Claimed::InFlight {
        until: after(LEASE),
    };
    let waiting = claims.iter().flatten().filter(|&&claim| claim == in_flight);
    assert_eq!(waiting.count(), 63);
}

pub async fn a_retry_with_a_new_time_is_a_duplicate(receiver: Receiver) {
    receiver.handle(&receiver.unsigned("a", NOW, "body")).await;
    let retry = receiver.unsigned("a", after(WINDOW), "body");
    assert_eq!(receiver.claim_at(&retry, after(WINDOW)).await, DONE);
}

pub async fn another_body_under_an_unsigned_id_is_a_message_of_its_own(receiver: Receiver) {
    receiver
        .handle(&receiver.unsigned("b", NOW, "forged under b's id"))
        .await;
    let real = receiver.unsigned("b", NOW, "what b says");
    let claimed = receiver.claim(&real).await;
    assert_eq!(claimed, Claimed::Fresh { other_body: true });
    receiver.release(&real).await;
    // The id is now that of the real message.
    let retry = receiver.unsigned("b", after(LEASE), "what b says");
    assert_eq!(receiver.claim(&retry).await, FRESH);
}

pub async fn a_signed_id_is_known_whatever_its_time(receiver: Receiver) {
    let id = Identity::Signed("a");
    receiver.handle(&receiver.keys(id, Some(NOW))).await;
    for sent_at in [NOW, after(LEASE)] {
        let again = receiver.keys(id, Some(sent_at));
        assert_eq!(receiver.claim(&again).await, DONE);
    }
}

pub async fn a_message_without_id_is_known_by_its_time_and_body(receiver: Receiver) {
    let anonymous = Identity::unsigned(None, "body");
    receiver.handle(&receiver.keys(anonymous, Some(NOW))).await;
    for identity in [anonymous, Identity::unsigned(Some("a"), "body")] {
        let replay = receiver.keys(identity, Some(NOW));
        assert_eq!(receiver.claim(&replay).await, DONE);
    }
    let later = receiver.keys(anonymous, Some(after(LEASE)));
    assert_eq!(receiver.claim(&later).await, FRESH);
}

pub async fn a_message_without_time_is_known_by_its_body(receiver: Receiver) {
    let timeless = |id, body| receiver.keys(Identity::unsigned(Some(id), body), None);
    receiver.handle(&timeless("a", "body")).await;
    let replay = timeless("b", "body");
    assert_eq!(receiver.claim(&replay).await, DONE);
    let other = timeless("a", "other");
    let claimed = receiver.claim(&other).await;
    assert_eq!(claimed, Claimed::Fresh { other_body: true });
}

pub async fn two_sources_do_not_share_messages(receiver: Receiver) {
    let other = Receiver {
        dedupe: receiver.other.clone(),
        ..receiver.clone()
    };
    for receiver in [receiver, other] {
        receiver.handle(&receiver.unsigned("a", NOW, "body")).await;
    }
}
