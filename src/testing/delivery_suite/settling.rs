//! Effects of outcomes on deliveries and endpoints.

use std::num::NonZeroU16;

use bytes::Bytes;

use super::{
    DAY, LEASE, OutboxPorts, at, delivery, endpoint, enqueue, event, events_of, exhaust, lease,
    lease_one, limit, report, request, settle, state,
};
use crate::send::outbox::{
    AttemptReport, DeliveryLease, DeliveryState, DisabledBecause, EndpointStatus, FailureReason,
    Health, MAX_RESPONSE, MAX_SUCCESS_RESPONSE, OutboxStore as _, Outcome, Settlement,
};

/// Contract 7.
pub async fn attempts_are_logged_and_a_retry_is_due_at_its_time(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let first = lease_one(&store, 0).await;
    settle(&store, &first, Outcome::Retry { at: at(300) }, 2).await;
    let waiting = delivery(&store, "msg_1").await;
    assert_eq!(waiting.state, DeliveryState::Pending);
    assert_eq!((waiting.due_at, waiting.attempts), (Some(at(300)), 1));

    assert!(lease(&store, 299).await.is_empty());
    let second = lease_one(&store, 300).await;
    settle(&store, &second, Outcome::Delivered, 301).await;
    let done = delivery(&store, "msg_1").await;
    assert_eq!(done.state, DeliveryState::Delivered);
    assert_eq!((done.due_at, done.ended_at), (None, Some(at(301))));

    let attempts = store.deliveries.attempts(&done.id).await.unwrap();
    let numbers: Vec<_> = attempts.iter().map(|one| one.number.get()).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(attempts[0].report, report(2, 500));
    assert_eq!(attempts[1].report, report(301, 204));
}

/// Contract 7: an attempt without a response.
pub async fn an_attempt_without_a_response_keeps_its_reason(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let lease = lease_one(&store, 0).await;
    let report = AttemptReport {
        status: None,
        failure: Some(FailureReason::Timeout),
        response: Bytes::new(),
        ..report(1, 200)
    };
    let settlement = Settlement::new(report.clone(), Outcome::Exhausted);
    store.settle(&lease, settlement, at(1)).await.unwrap();
    assert_eq!(state(&store, "msg_1").await, DeliveryState::Failed);
    let attempts = store.deliveries.attempts(&lease.id).await.unwrap();
    assert_eq!(attempts[0].report, report);
}

/// Contract 7: the store keeps a bounded part.
pub async fn of_a_long_response_only_the_beginning_is_kept(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    for (secs, status, outcome) in [
        (0, 500, Outcome::Retry { at: at(1) }),
        (1, 200, Outcome::Delivered),
    ] {
        let lease = lease_one(&store, secs).await;
        let report = AttemptReport {
            response: vec![b'x'; MAX_RESPONSE + 1].into(),
            ..report(secs, status)
        };
        let settlement = Settlement::new(report, outcome);
        store.settle(&lease, settlement, at(secs)).await.unwrap();
    }
    let done = delivery(&store, "msg_1").await;
    let attempts = store.deliveries.attempts(&done.id).await.unwrap();
    let kept = attempts.iter().map(|one| one.report.response.len());
    assert_eq!(
        kept.collect::<Vec<_>>(),
        [MAX_RESPONSE, MAX_SUCCESS_RESPONSE]
    );
}

/// Contract 8.
pub async fn an_endpoint_that_is_gone_gets_nothing_more(store: OutboxPorts) {
    let one = endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1"), event("msg_2")], 0).await;
    let lease_ = store
        .lease(limit(100), request(1, 0))
        .await
        .unwrap()
        .remove(0);
    enqueue(&store, vec![event("msg_3")], 0).await;

    let settled = settle(&store, &lease_, Outcome::Gone, 1).await;

    assert_eq!(settled.disabled, Some(DisabledBecause::Gone));
    let stored = store.endpoints.get(&one.id).await.unwrap().unwrap();
    let expected = EndpointStatus::Disabled {
        at: at(1),
        because: DisabledBecause::Gone,
    };
    assert_eq!(stored.status, expected);
    assert_eq!(
        state(&store, lease_.work.event.as_str()).await,
        DeliveryState::Failed
    );
    assert_eq!(state(&store, "msg_3").await, DeliveryState::Cancelled);
    assert!(lease(&store, 9 * LEASE).await.is_empty());
    assert_eq!(store.next_due(NonZeroU16::MIN, at(1)).await.unwrap(), None);
}

/// Contract 8.
pub async fn a_delivery_under_way_when_its_endpoint_is_disabled_is_not_tried_again(
    store: OutboxPorts,
) {
    let one = endpoint(&store, "one").await;
    let ids = ["msg_1", "msg_2", "msg_3", "msg_4"];
    enqueue(&store, ids.map(event).to_vec(), 0).await;
    let mut leases = lease(&store, 0).await;
    leases.sort_by(|a, b| a.work.event.cmp(&b.work.event));
    store.disable(&one.id, at(1)).await;

    settle(&store, &leases[0], Outcome::Delivered, 2).await;
    settle(&store, &leases[1], Outcome::Retry { at: at(3) }, 2).await;
    store.release(&leases[2], at(2)).await.unwrap();
    assert!(lease(&store, LEASE).await.is_empty());

    assert_eq!(state(&store, "msg_1").await, DeliveryState::Delivered);
    for cancelled in ["msg_2", "msg_3", "msg_4"] {
        let ended = delivery(&store, cancelled).await;
        assert_eq!(ended.state, DeliveryState::Cancelled, "{cancelled}");
        assert!(ended.ended_at.is_some() && ended.due_at.is_none());
    }
}

/// Contract 8.
pub async fn an_endpoint_that_fails_for_five_days_is_disabled(store: OutboxPorts) {
    let one = endpoint(&store, "one").await;
    for (id, day) in [("msg_0", 0), ("msg_1", 1), ("msg_2", 2), ("msg_3", 4)] {
        assert_eq!(exhaust(&store, id, day * DAY).await.disabled, None, "{id}");
    }
    let stored = store.endpoints.get(&one.id).await.unwrap().unwrap();
    assert_eq!(stored.health, Health::failing(at(0), 4));

    let settled = exhaust(&store, "msg_5", 5 * DAY).await;

    assert_eq!(settled.disabled, Some(DisabledBecause::Failing));
    let stored = store.endpoints.get(&one.id).await.unwrap().unwrap();
    assert!(!stored.status.is_enabled());
}

/// Contract 8: only a last attempt decides.
pub async fn a_retry_does_not_disable_an_endpoint(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    for day in 0..9 {
        let lease = lease_one(&store, day * DAY).await;
        let again = Outcome::Retry {
            at: at((day + 1) * DAY),
        };
        let settled = settle(&store, &lease, again, day * DAY).await;
        assert_eq!(settled.disabled, None);
        if day == 4 {
            break;
        }
    }
}

/// Contract 7 and 8.
pub async fn a_success_makes_an_endpoint_healthy(store: OutboxPorts) {
    let one = endpoint(&store, "one").await;
    for day in 0..4 {
        exhaust(&store, &format!("msg_{day}"), day * DAY).await;
    }
    enqueue(&store, vec![event("msg_ok")], 4 * DAY).await;
    let lease = lease_one(&store, 4 * DAY).await;
    settle(&store, &lease, Outcome::Delivered, 4 * DAY).await;
    let stored = store.endpoints.get(&one.id).await.unwrap().unwrap();
    assert_eq!(stored.health, Health::GOOD);
    assert_eq!(exhaust(&store, "msg_5", 5 * DAY).await.disabled, None);
}

/// Fails an attempt with a response that asks for a pause until `not_before` seconds.
async fn put_off(store: &OutboxPorts, lease: &DeliveryLease, not_before: u64, secs: u64) {
    let settlement = Settlement::new(report(secs, 429), Outcome::Retry { at: at(secs + 10) })
        .with_not_before(Some(at(not_before)));
    store.settle(lease, settlement, at(secs)).await.unwrap();
}

/// Contract 4 and 10.
pub async fn an_endpoint_that_asked_for_a_pause_gets_nothing_until_its_end(store: OutboxPorts) {
    let one = endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1"), event("msg_2")], 0).await;
    let first = store
        .lease(limit(100), request(1, 0))
        .await
        .unwrap()
        .remove(0);
    put_off(&store, &first, 300, 1).await;
    let two = endpoint(&store, "two").await;
    enqueue(&store, vec![event("msg_3")], 2).await;

    let leases = lease(&store, 299).await;
    assert_eq!(leases.len(), 1, "only the other endpoint's");
    assert_eq!(leases[0].work.endpoint.id, two.id);
    settle(&store, &leases[0], Outcome::Delivered, 299).await;
    let next = store.next_due(NonZeroU16::MAX, at(299)).await.unwrap();
    assert_eq!(next, Some(at(300)));
    let stored = store.endpoints.get(&one.id).await.unwrap().unwrap();
    assert_eq!(stored.health.not_before(), Some(at(300)));

    let leases = lease(&store, 300).await;
    assert_eq!(events_of(&leases), ["msg_2", "msg_3", "msg_1"]);
}

/// Contract 4: a later response does not shorten a pause.
pub async fn of_several_pauses_the_latest_counts(store: OutboxPorts) {
    endpoint(&store, "one").await;
    let ids = ["msg_1", "msg_2", "msg_3"];
    enqueue(&store, ids.map(event).to_vec(), 0).await;
    let leases = lease(&store, 0).await;
    put_off(&store, &leases[0], 300, 1).await;
    put_off(&store, &leases[1], 100, 1).await;
    settle(&store, &leases[2], Outcome::Retry { at: at(2) }, 1).await;
    assert!(lease(&store, 299).await.is_empty());
    assert_eq!(lease(&store, 300).await.len(), 3);
}

/// Contract 4 and 10: a delivery whose lease lapsed waits as well.
pub async fn a_lapsed_lease_is_not_taken_over_during_a_pause(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1"), event("msg_2")], 0).await;
    let leases = lease(&store, 0).await;
    put_off(&store, &leases[0], 10 * LEASE, 1).await;
    assert!(lease(&store, 2 * LEASE).await.is_empty());
    let next = store.next_due(NonZeroU16::MIN, at(1)).await.unwrap();
    assert_eq!(next, Some(at(10 * LEASE)));
    assert_eq!(lease(&store, 10 * LEASE).await.len(), 2);
}

/// Contract 11.
pub async fn a_pause_of_a_clock_that_was_ahead_has_ended(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1"), event("msg_2")], 0).await;
    let first = store
        .lease(limit(100), request(1, 0))
        .await
        .unwrap()
        .remove(0);
    put_off(&store, &first, 400 * DAY, 0).await;
    let next = store.next_due(NonZeroU16::MIN, at(1)).await.unwrap();
    assert!(next.is_some_and(|next| next <= at(1)));
    assert_eq!(events_of(&lease(&store, 1).await), ["msg_2"]);
}

/// Contract 7.
pub async fn a_success_ends_a_pause(store: OutboxPorts) {
    let one = endpoint(&store, "one").await;
    let ids = ["msg_1", "msg_2", "msg_3"];
    enqueue(&store, ids.map(event).to_vec(), 0).await;
    let leases = store.lease(limit(100), request(2, 0)).await.unwrap();
    put_off(&store, &leases[0], 300, 1).await;
    assert!(lease(&store, 2).await.is_empty());
    settle(&store, &leases[1], Outcome::Delivered, 3).await;
    let stored = store.endpoints.get(&one.id).await.unwrap().unwrap();
    assert_eq!(stored.health, Health::GOOD);
    assert_eq!(events_of(&lease(&store, 4).await), ["msg_3"]);
}
