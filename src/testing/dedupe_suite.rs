//! The conformance suite of [`DedupeStore`].
#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use tokio::task::JoinSet;

use crate::clock::UnixMillis;
use crate::dedupe::{Claimed, Dedupe, DedupeStore, Identity, Message, Ticket};

/// Makes one test for each point of the contract of [`DedupeStore`](crate::dedupe::DedupeStore).
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
            one_of_many_claims_that_share_any_key_is_fresh
            both_keys_are_claimed_or_none
            the_same_request_under_another_id_is_a_duplicate
            a_retry_with_a_new_time_is_a_duplicate
            another_body_under_an_unsigned_id_is_a_message_of_its_own
            another_body_under_an_authentic_id_is_a_duplicate_and_told
            an_echoed_id_and_its_replay_under_another_id_are_one_message
            a_message_without_id_is_known_by_its_time_and_body
            a_message_without_time_is_known_by_its_body
            two_sources_do_not_share_messages
            a_released_claim_is_free_at_once
            a_lapsed_claim_is_taken_over_and_its_ticket_is_worth_nothing
            a_renewed_claim_lasts_until_its_new_end
            a_commit_is_remembered_for_its_whole_time
            a_second_commit_and_a_late_release_change_nothing
            done_goes_before_in_flight
        }
    };
    (@cases $make:expr; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                if let Some(store) = ($make)().await {
                    $crate::testing::dedupe_suite::$case(store).await;
                }
            }
        )*
    };
}

const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);
const LEASE: Duration = Duration::from_secs(60);
const WINDOW: Duration = Duration::from_secs(900);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const FRESH: Claimed = Claimed::Fresh { other_body: false };
const DONE: Claimed = Claimed::Done { other_body: false };

struct Receiver(Dedupe);

impl Receiver {
    fn new(store: impl DedupeStore) -> Self {
        Self(Dedupe::new(store, "suite").expect("the name is valid"))
    }

    fn ticket(&self, identity: Identity<'_>, sent_at: Option<UnixMillis>, body: &str) -> Ticket {
        self.0.ticket(&Message {
            tenant: None,
            identity,
            sent_at,
            body: body.as_bytes(),
            replayable: WINDOW,
        })
    }

    fn unsigned(&self, id: &str, sent_at: UnixMillis, body: &str) -> Ticket {
        let id = Some(id);
        self.ticket(
            Identity::Unsigned { id, in_body: None },
            Some(sent_at),
            body,
        )
    }

    async fn claim_at(&self, ticket: &Ticket, now: UnixMillis) -> Claimed {
        let claimed = self.0.claim(ticket, now, now.saturating_add(LEASE)).await;
        claimed.expect("the store answers")
    }

    async fn claim(&self, ticket: &Ticket) -> Claimed {
        self.claim_at(ticket, NOW).await
    }

    async fn handle(&self, ticket: &Ticket) {
        assert_eq!(self.claim(ticket).await, FRESH);
        self.commit(ticket).await;
    }

    async fn commit(&self, ticket: &Ticket) {
        self.0.commit(ticket, NOW).await.expect("the claim is held");
    }

    async fn release(&self, ticket: &Ticket) {
        self.0.release(ticket).await.expect("the claim is held");
    }

    async fn assert_lost(&self, ticket: &Ticket, now: UnixMillis) {
        let until = now.saturating_add(LEASE);
        for answer in [
            self.0.renew(ticket, until).await,
            self.0.commit(ticket, now).await,
            self.0.release(ticket).await,
        ] {
            let err = answer.expect_err("the claim is lost");
            assert!(err.is_lease_lost(), "{err}");
        }
    }
}

fn after(duration: Duration) -> UnixMillis {
    NOW.saturating_add(duration)
}

pub async fn one_of_many_concurrent_claims_is_fresh(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    let mut claims = JoinSet::new();
    for _ in 0..64 {
        let ticket = receiver.unsigned("a", NOW, "body");
        claims.spawn(receiver.0.claim(&ticket, NOW, after(LEASE)));
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

pub async fn one_of_many_claims_that_share_any_key_is_fresh(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    for round in 0..8 {
        let (at, body) = (after(LEASE * round), format!("body {round}"));
        let mut claims = JoinSet::new();
        for id in 0..32 {
            // All share the replay key, and four each share both.
            let ticket = receiver.unsigned(&format!("{}", id % 8), at, &body);
            claims.spawn(receiver.0.claim(&ticket, at, at.saturating_add(LEASE)));
        }
        let claims = claims.join_all().await;
        let fresh = |claim: &&Result<_, _>| matches!(claim, Ok(Claimed::Fresh { .. }));
        assert_eq!(claims.iter().filter(fresh).count(), 1, "{claims:?}");
        let failed = claims.iter().find(|claim| claim.is_err());
        assert!(failed.is_none(), "{failed:?}");
        // Nobody left a claim on a key that only it has.
        let mut free = 0;
        for id in 0..8 {
            let other_time = after(WEEK + Duration::from_secs(id));
            let other_time = receiver.unsigned(&format!("{id}"), other_time, &body);
            let claimed = receiver.claim_at(&other_time, at).await;
            free += usize::from(matches!(claimed, Claimed::Fresh { .. }));
        }
        assert_eq!(free, 7, "all but the one that is claimed");
    }
}

pub async fn both_keys_are_claimed_or_none(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    let first = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&first).await, FRESH);
    // Shares the replay key only: it must not leave a claim on its own first key behind.
    let replay = receiver.unsigned("b", NOW, "body");
    assert!(matches!(
        receiver.claim(&replay).await,
        Claimed::InFlight { .. }
    ));
    let other_time = receiver.unsigned("b", after(LEASE), "body");
    assert_eq!(receiver.claim(&other_time).await, FRESH);
}

pub async fn the_same_request_under_another_id_is_a_duplicate(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    receiver.handle(&receiver.unsigned("a", NOW, "body")).await;
    for id in ["b", "c", ""] {
        let replay = receiver.unsigned(id, NOW, "body");
        assert_eq!(receiver.claim(&replay).await, DONE, "{id:?}");
    }
}

pub async fn a_retry_with_a_new_time_is_a_duplicate(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    receiver.handle(&receiver.unsigned("a", NOW, "body")).await;
    let retry = receiver.unsigned("a", after(WINDOW), "body");
    assert_eq!(receiver.claim_at(&retry, after(WINDOW)).await, DONE);
}

pub async fn another_body_under_an_unsigned_id_is_a_message_of_its_own(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    receiver
        .handle(&receiver.unsigned("b", NOW, "forged under b's id"))
        .await;
    let real = receiver.unsigned("b", NOW, "what b says");
    let claimed = receiver.claim(&real).await;
    assert_eq!(claimed, Claimed::Fresh { other_body: true });
}

pub async fn another_body_under_an_authentic_id_is_a_duplicate_and_told(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    let id = Identity::Signed("a");
    receiver
        .handle(&receiver.ticket(id, Some(NOW), "body"))
        .await;
    let same = receiver.ticket(id, Some(after(LEASE)), "body");
    assert_eq!(receiver.claim(&same).await, DONE);
    let other = receiver.ticket(id, Some(NOW), "other");
    let claimed = receiver.claim(&other).await;
    assert_eq!(claimed, Claimed::Done { other_body: true });
}

pub async fn an_echoed_id_and_its_replay_under_another_id_are_one_message(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    let body = r#"{"id":"a"}"#;
    let real = receiver.ticket(Identity::Echoed("a"), Some(NOW), body);
    let forged_id = Identity::Unsigned {
        id: Some("b"),
        in_body: Some("a"),
    };
    let replay = receiver.ticket(forged_id, Some(NOW), body);
    receiver.handle(&real).await;
    assert_eq!(receiver.claim(&replay).await, DONE);

    let body = r#"{"id":"c"}"#;
    let forged_id = Identity::Unsigned {
        id: Some("d"),
        in_body: Some("c"),
    };
    let replay = receiver.ticket(forged_id, Some(NOW), body);
    let real = receiver.ticket(Identity::Echoed("c"), Some(NOW), body);
    receiver.handle(&replay).await;
    assert_eq!(receiver.claim(&real).await, DONE);
}

pub async fn a_message_without_id_is_known_by_its_time_and_body(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    let anonymous = Identity::Unsigned {
        id: None,
        in_body: None,
    };
    receiver
        .handle(&receiver.ticket(anonymous, Some(NOW), "body"))
        .await;
    let replay = receiver.ticket(anonymous, Some(NOW), "body");
    assert_eq!(receiver.claim(&replay).await, DONE);
    let later = receiver.ticket(anonymous, Some(after(LEASE)), "body");
    assert_eq!(receiver.claim(&later).await, FRESH);
}

pub async fn a_message_without_time_is_known_by_its_body(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    let identity = |id| Identity::Unsigned { id, in_body: None };
    receiver
        .handle(&receiver.ticket(identity(Some("a")), None, "body"))
        .await;
    let replay = receiver.ticket(identity(Some("b")), None, "body");
    assert_eq!(receiver.claim(&replay).await, DONE);
    let other = receiver.ticket(identity(Some("a")), None, "other");
    let claimed = receiver.claim(&other).await;
    assert_eq!(claimed, Claimed::Fresh { other_body: true });
}

pub async fn two_sources_do_not_share_messages(store: impl DedupeStore) {
    let store = std::sync::Arc::new(store);
    let one = Dedupe::new(Shared(store.clone()), "one").expect("the name is valid");
    let two = Dedupe::new(Shared(store), "two").expect("the name is valid");
    let (one, two) = (Receiver(one), Receiver(two));
    one.handle(&one.unsigned("a", NOW, "body")).await;
    two.handle(&two.unsigned("a", NOW, "body")).await;
}

pub async fn a_released_claim_is_free_at_once(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    let first = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&first).await, FRESH);
    receiver.release(&first).await;
    receiver.assert_lost(&first, NOW).await;
    let by_id = receiver.unsigned("a", after(LEASE), "body");
    assert_eq!(receiver.claim(&by_id).await, FRESH);
    receiver.release(&by_id).await;
    let by_time = receiver.unsigned("b", NOW, "body");
    assert_eq!(receiver.claim(&by_time).await, FRESH);
}

pub async fn a_lapsed_claim_is_taken_over_and_its_ticket_is_worth_nothing(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    let lost = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&lost).await, FRESH);
    let second = receiver.unsigned("a", NOW, "body");
    let before = UnixMillis::from_millis(after(LEASE).as_millis() - 1);
    assert!(matches!(
        receiver.claim_at(&second, before).await,
        Claimed::InFlight { .. }
    ));
    assert_eq!(receiver.claim_at(&second, after(LEASE)).await, FRESH);
    receiver.assert_lost(&lost, after(LEASE)).await;
    receiver.commit(&second).await;
    receiver.assert_lost(&lost, after(LEASE)).await;
    let third = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim_at(&third, after(LEASE)).await, DONE);
}

pub async fn a_renewed_claim_lasts_until_its_new_end(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    let first = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&first).await, FRESH);
    let until = after(3 * LEASE);
    receiver.0.renew(&first, until).await.expect("it is held");
    let second = receiver.unsigned("a", NOW, "body");
    let claimed = receiver.claim_at(&second, after(2 * LEASE)).await;
    assert_eq!(claimed, Claimed::InFlight { until });
    assert_eq!(receiver.claim_at(&second, until).await, FRESH);
}

pub async fn a_commit_is_remembered_for_its_whole_time(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    receiver.handle(&receiver.unsigned("a", NOW, "body")).await;
    let just_before = UnixMillis::from_millis(after(WEEK).as_millis() - 1);
    let resent = receiver.unsigned("a", just_before, "body");
    assert_eq!(receiver.claim_at(&resent, just_before).await, DONE);
    let later = receiver.unsigned("a", after(WEEK), "body");
    assert_eq!(receiver.claim_at(&later, after(WEEK)).await, FRESH);
}

pub async fn a_second_commit_and_a_late_release_change_nothing(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    let first = receiver.unsigned("a", NOW, "body");
    receiver.handle(&first).await;
    receiver.commit(&first).await;
    let released = receiver.0.release(&first).await;
    assert!(released.is_err_and(|err| err.is_lease_lost()));
    let second = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&second).await, DONE);
}

pub async fn done_goes_before_in_flight(store: impl DedupeStore) {
    let receiver = Receiver::new(store);
    let later = after(Duration::from_secs(1));
    let in_flight = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&in_flight).await, FRESH);
    receiver
        .handle(&receiver.unsigned("b", later, "body"))
        .await;
    let both = receiver.unsigned("a", later, "body");
    assert_eq!(receiver.claim(&both).await, DONE);
}

/// A store under two handles.
struct Shared<S>(std::sync::Arc<S>);

impl<S: DedupeStore> DedupeStore for Shared<S> {
    async fn claim(
        &self,
        ticket: &Ticket,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Claimed, crate::StoreError> {
        self.0.claim(ticket, now, until).await
    }

    async fn renew(&self, ticket: &Ticket, until: UnixMillis) -> Result<(), crate::StoreError> {
        self.0.renew(ticket, until).await
    }

    async fn commit(&self, ticket: &Ticket, now: UnixMillis) -> Result<(), crate::StoreError> {
        self.0.commit(ticket, now).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), crate::StoreError> {
        self.0.release(ticket).await
    }
}
