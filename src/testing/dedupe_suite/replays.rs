//! The same request again: contract 2 and 5.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{DONE, FRESH, LEASE, NOW, Receiver, WEEK, WINDOW, after};
use crate::base::clock::UnixMillis;
use crate::receive::dedupe::{Claimed, Identity};

pub async fn one_of_many_concurrent_claims_of_one_request_is_fresh(receiver: Receiver) {
    for round in 0..8 {
        let (at, body) = (after(LEASE * round), format!("body {round}"));
        let mut claims = JoinSet::new();
        for id in 0..32 {
            // All are the same request; each id has four.
            let keys = receiver.unsigned(&format!("{}", id % 8), at, &body);
            claims.spawn(receiver.dedupe.claim(&keys, at, at.saturating_add(LEASE)));
        }
        let claims = claims.join_all().await;
        let fresh = |claim: &&Result<_, _>| matches!(claim, Ok(Claimed::Fresh { .. }));
        assert_eq!(claims.iter().filter(fresh).count(), 1, "{claims:?}");
        let failed = claims.iter().find(|claim| claim.is_err());
        assert!(failed.is_none(), "{failed:?}");
        // No refused request left a claim on its own key.
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

pub async fn a_request_under_another_id_is_no_new_message_and_claims_nothing(receiver: Receiver) {
    let first = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&first).await, FRESH);
    let replay = receiver.unsigned("b", NOW, "body");
    let until = after(LEASE);
    assert_eq!(receiver.claim(&replay).await, Claimed::InFlight { until });
    receiver.assert_lost(&replay, NOW).await;
    let other_time = receiver.unsigned("b", after(LEASE), "body");
    assert_eq!(receiver.claim(&other_time).await, FRESH);
}

pub async fn the_same_request_under_another_id_is_a_duplicate(receiver: Receiver) {
    receiver.handle(&receiver.unsigned("a", NOW, "body")).await;
    for id in ["b", "c", ""] {
        let replay = receiver.unsigned(id, NOW, "body");
        assert_eq!(receiver.claim(&replay).await, DONE, "{id:?}");
    }
}

pub async fn a_replay_of_a_request_that_was_a_duplicate_is_a_duplicate(receiver: Receiver) {
    receiver.handle(&receiver.unsigned("a", NOW, "body")).await;
    for retry in 1..4 {
        let at = after(2 * WINDOW * retry);
        assert_eq!(
            receiver
                .claim_at(&receiver.unsigned("a", at, "body"), at)
                .await,
            DONE
        );
        for id in ["b", "c"] {
            let replay = receiver.unsigned(id, at, "body");
            assert_eq!(receiver.claim_at(&replay, at).await, DONE, "{id}");
        }
    }
}

pub async fn a_replay_of_a_request_that_came_too_early_is_not_fresh(receiver: Receiver) {
    let later = after(Duration::from_secs(1));
    let first = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&first).await, FRESH);
    let in_flight = Claimed::InFlight {
        until: after(LEASE),
    };
    let early = receiver.unsigned("a", later, "body");
    assert_eq!(receiver.claim(&early).await, in_flight);
    let replay = receiver.unsigned("b", later, "body");
    assert_eq!(receiver.claim(&replay).await, in_flight);
    receiver.release(&first).await;
    assert_eq!(receiver.claim(&replay).await, DONE);
    // The early request was not handled: it may be now.
    assert_eq!(receiver.claim(&early).await, FRESH);
}

pub async fn a_replay_of_a_request_that_failed_is_a_duplicate_and_its_retry_is_not(
    receiver: Receiver,
) {
    let failed = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&failed).await, FRESH);
    receiver.release(&failed).await;
    let anonymous = receiver.keys(Identity::unsigned(None, "body"), Some(NOW));
    for replay in [
        receiver.unsigned("b", NOW, "body"),
        receiver.unsigned("c", NOW, "body"),
        anonymous,
    ] {
        assert_eq!(receiver.claim(&replay).await, DONE);
    }
    let retry = receiver.unsigned("a", after(LEASE), "body");
    receiver.handle(&retry).await;
    for sent_at in [NOW, after(LEASE)] {
        let replay = receiver.unsigned("b", sent_at, "body");
        assert_eq!(receiver.claim(&replay).await, DONE);
    }
}

pub async fn a_request_that_failed_may_come_again_unchanged(receiver: Receiver) {
    for id in [Some("a"), None] {
        let body = format!("{id:?}");
        let keys = || receiver.keys(Identity::unsigned(id, &body), Some(NOW));
        let failed = keys();
        assert_eq!(receiver.claim(&failed).await, FRESH);
        receiver.release(&failed).await;
        receiver.handle(&keys()).await;
        assert_eq!(receiver.claim(&keys()).await, DONE);
    }
}

pub async fn a_replay_of_a_request_whose_claim_lapsed_is_a_duplicate(receiver: Receiver) {
    let lapsed = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&lapsed).await, FRESH);
    let replay = receiver.unsigned("b", NOW, "body");
    assert_eq!(receiver.claim_at(&replay, after(LEASE)).await, DONE);
    let retry = receiver.unsigned("a", after(LEASE), "body");
    assert_eq!(receiver.claim_at(&retry, after(LEASE)).await, FRESH);
}

pub async fn a_request_is_known_for_its_whole_time(receiver: Receiver) {
    let failed = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&failed).await, FRESH);
    receiver.release(&failed).await;
    let just_before = UnixMillis::from_millis(after(WINDOW).as_millis() - 1);
    let replay = receiver.unsigned("b", NOW, "body");
    assert_eq!(receiver.claim_at(&replay, just_before).await, DONE);
    // Its time left the tolerance long ago: this request is another one.
    assert_eq!(receiver.claim_at(&replay, after(WINDOW)).await, FRESH);
    let first = receiver.claim_at(&failed, after(WINDOW)).await;
    assert!(matches!(first, Claimed::InFlight { .. }));
}

pub async fn done_goes_before_in_flight(receiver: Receiver) {
    let later = after(Duration::from_secs(1));
    let in_flight = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&in_flight).await, FRESH);
    receiver
        .handle(&receiver.unsigned("b", later, "body"))
        .await;
    let both = receiver.unsigned("a", later, "body");
    assert_eq!(receiver.claim(&both).await, DONE);
}
