//! A clock that was ahead for a while: contract 3 and 4.
#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use super::{DAY, DONE, FRESH, LEASE, NOW, Receiver, after};
use crate::receive::dedupe::Claimed;

pub async fn a_claim_of_a_clock_that_was_ahead_has_lapsed(receiver: Receiver) {
    for (name, ahead) in [("minutes", 2 * LEASE), ("a day", DAY), ("years", 500 * DAY)] {
        let stuck = receiver.unsigned(name, NOW, name);
        assert_eq!(receiver.claim_at(&stuck, after(ahead)).await, FRESH);
        let retry = receiver.unsigned(name, after(LEASE), name);
        assert_eq!(receiver.claim(&retry).await, FRESH, "{name}");
        receiver.assert_lost(&stuck, NOW).await;
        let second = receiver.unsigned(name, after(LEASE), name);
        let until = after(LEASE);
        assert_eq!(receiver.claim(&second).await, Claimed::InFlight { until });
        receiver.commit(&retry).await;

        // A claim renewed by such a clock, with a request under another id.
        let name = &format!("{name}, renewed");
        let renewed = receiver.unsigned(name, NOW, name);
        assert_eq!(receiver.claim(&renewed).await, FRESH);
        let until = after(ahead + LEASE);
        receiver
            .dedupe
            .renew(&renewed, until)
            .await
            .expect("it is held");
        let replay = receiver.unsigned("c", NOW, name);
        assert_eq!(receiver.claim(&replay).await, DONE, "{name}");
        let again = receiver.unsigned(name, NOW, name);
        assert_eq!(receiver.claim(&again).await, FRESH, "{name}");
    }
}

pub async fn a_claim_of_a_clock_that_differs_a_little_is_not_taken_over(receiver: Receiver) {
    for secs in [0, 25, 60] {
        let body = secs.to_string();
        let ahead = after(Duration::from_secs(secs));
        let live = receiver.unsigned(&body, NOW, &body);
        assert_eq!(receiver.claim_at(&live, ahead).await, FRESH);
        let until = ahead.saturating_add(LEASE);
        let second = receiver.unsigned(&body, after(LEASE), &body);
        assert_eq!(receiver.claim(&second).await, Claimed::InFlight { until });
        receiver.commit(&live).await;
    }
}

pub async fn what_a_clock_that_was_ahead_handled_stays_handled(receiver: Receiver) {
    for (name, ahead) in [("minutes", 2 * LEASE), ("a day", DAY), ("years", 500 * DAY)] {
        let first = receiver.unsigned(name, NOW, name);
        assert_eq!(receiver.claim_at(&first, after(ahead)).await, FRESH);
        let committed = receiver.dedupe.commit(&first, after(ahead)).await;
        committed.expect("the claim is held");
        for (id, sent_at) in [(name, NOW), (name, after(LEASE)), ("b", NOW)] {
            let again = receiver.unsigned(id, sent_at, name);
            assert_eq!(receiver.claim(&again).await, DONE, "{name}");
        }
    }
}
