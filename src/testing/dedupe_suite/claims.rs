//! Ends of claims: contract 3 to 6.
#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use super::{DONE, FRESH, LEASE, NOW, Receiver, WEEK, after};
use crate::base::clock::UnixMillis;
use crate::receive::dedupe::Claimed;

pub async fn a_released_claim_is_free_at_once(receiver: Receiver) {
    let first = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&first).await, FRESH);
    receiver.release(&first).await;
    receiver.assert_lost(&first, NOW).await;
    let retry = receiver.unsigned("a", after(LEASE), "body");
    assert_eq!(receiver.claim(&retry).await, FRESH);
}

pub async fn a_lapsed_claim_is_taken_over_and_its_keys_are_worth_nothing(receiver: Receiver) {
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

pub async fn a_renewed_claim_lasts_until_its_new_end(receiver: Receiver) {
    let first = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&first).await, FRESH);
    let until = after(2 * LEASE);
    receiver
        .dedupe
        .renew(&first, until)
        .await
        .expect("it is held");
    let second = receiver.unsigned("a", NOW, "body");
    let claimed = receiver.claim_at(&second, after(LEASE)).await;
    assert_eq!(claimed, Claimed::InFlight { until });
    assert_eq!(receiver.claim_at(&second, until).await, FRESH);
}

pub async fn a_commit_is_remembered_for_its_whole_time(receiver: Receiver) {
    receiver.handle(&receiver.unsigned("a", NOW, "body")).await;
    let just_before = UnixMillis::from_millis(after(WEEK).as_millis() - 1);
    let resent = receiver.unsigned("a", just_before, "body");
    assert_eq!(receiver.claim_at(&resent, just_before).await, DONE);
    let later = receiver.unsigned("a", after(WEEK), "body");
    assert_eq!(receiver.claim_at(&later, after(WEEK)).await, FRESH);
}

pub async fn a_second_commit_and_a_late_release_change_nothing(receiver: Receiver) {
    let first = receiver.unsigned("a", NOW, "body");
    receiver.handle(&first).await;
    receiver.commit(&first).await;
    let released = receiver.dedupe.release(&first).await;
    assert!(released.is_err_and(|err| err.is_lease_lost()));
    let second = receiver.unsigned("a", NOW, "body");
    assert_eq!(receiver.claim(&second).await, DONE);
}
