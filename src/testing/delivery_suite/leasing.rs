//! Leases: their choice, their order and their end.

use std::collections::HashSet;
use std::num::NonZeroU16;

use bytes::Bytes;

use super::{
    LEASE, OutboxPorts, START, assert_lost, at, delivery, endpoint, enqueue, event, events_of,
    lease, lease_one, limit, message, new_endpoint, request, settle, state, typed,
};
use crate::queue::AttemptNumber;
use crate::send::outbox::{DeliveryState, OutboxStore as _, Outcome};
use crate::wire::event::{EventFilter, EventType};
use crate::wire::scheme::Scheme;

/// Contract 1 and 3: the lease holds what was stored.
pub async fn a_lease_carries_event_and_endpoint_as_they_were_stored(store: OutboxPorts) {
    let filter: EventFilter = "user.*".parse().unwrap();
    let new = new_endpoint("one").with_filter(filter.clone());
    let stored = store.create(new, START).await;
    let mut sent = typed("msg_1", EventType::new("user.renamed").unwrap());
    sent.payload = Bytes::from_iter(0..=255);
    enqueue(&store, vec![sent.clone()], 0).await;

    let lease = lease_one(&store, 0).await;

    assert_eq!(lease.work.event, sent.id);
    assert_eq!(lease.work.event_type, sent.event_type);
    assert_eq!(lease.work.payload, sent.payload);
    assert_eq!(lease.attempt, AttemptNumber::FIRST);
    assert_eq!(lease.work.endpoint.id, stored.id);
    assert_eq!(lease.work.endpoint.url, stored.url);
    assert_eq!(lease.work.endpoint.scheme, Scheme::standard_webhooks());
    assert_eq!(lease.work.endpoint.filter, filter);
    lease.work.endpoint.signer(START).unwrap();
}

/// Contract 3.
pub async fn a_delivery_is_not_leased_twice_while_the_lease_lives(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let held = lease_one(&store, 0).await;
    assert!(lease(&store, 0).await.is_empty());
    assert!(lease(&store, LEASE - 1).await.is_empty());
    assert_eq!(state(&store, "msg_1").await, DeliveryState::Leased);
    settle(&store, &held, Outcome::Delivered, LEASE - 1).await;
    assert!(lease(&store, 9 * LEASE).await.is_empty());
}

/// Contract 3 and 5.
pub async fn a_lapsed_lease_is_taken_over_with_a_higher_attempt_and_token(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let first = lease_one(&store, 0).await;
    let second = lease_one(&store, LEASE).await;
    assert_eq!(second.id, first.id);
    assert_eq!(second.attempt, first.attempt.next());
    assert!(second.token > first.token);
    assert_lost(&store, &first, LEASE).await;
    settle(&store, &second, Outcome::Delivered, LEASE).await;
}

/// Contract 3 and 4.
pub async fn due_deliveries_are_leased_earliest_first(store: OutboxPorts) {
    endpoint(&store, "one").await;
    for (id, secs) in [("msg_3", 30), ("msg_1", 10), ("msg_2", 20)] {
        enqueue(&store, vec![event(id)], secs).await;
    }
    let first = store.lease(limit(100), request(1, 30)).await.unwrap();
    assert_eq!(events_of(&first), ["msg_1"]);
    assert_eq!(events_of(&lease(&store, 30).await), ["msg_2", "msg_3"]);
}

/// Contract 4.
pub async fn deliveries_due_together_go_out_in_the_order_they_were_stored(store: OutboxPorts) {
    endpoint(&store, "one").await;
    let ids = ["msg_5", "msg_1", "msg_4", "msg_2", "msg_3"];
    enqueue(&store, ids.map(event).to_vec(), 0).await;
    let mut order = Vec::new();
    for _ in ids {
        let leases = store.lease(limit(100), request(1, 0)).await.unwrap();
        order.extend(leases.into_iter().map(|lease| lease.work.event));
    }
    assert_eq!(order, ids.map(message));
}

/// Contract 4.
pub async fn no_endpoint_gets_more_live_leases_than_the_limit(store: OutboxPorts) {
    endpoint(&store, "one").await;
    let events = ["msg_1", "msg_2", "msg_3"].map(event);
    enqueue(&store, events.to_vec(), 0).await;
    let limited = |secs| store.lease(limit(2), request(100, secs));

    let leases = limited(0).await.unwrap();
    assert_eq!(leases.len(), 2);
    assert!(limited(1).await.unwrap().is_empty());
    settle(&store, &leases[0], Outcome::Delivered, 1).await;
    assert_eq!(limited(1).await.unwrap().len(), 1);
    assert_eq!(limited(1 + LEASE).await.unwrap().len(), 2);
}

/// Contract 4.
pub async fn an_endpoint_with_a_backlog_does_not_hold_up_another(store: OutboxPorts) {
    let filter = |text: &str| text.parse::<EventFilter>().unwrap();
    let busy = new_endpoint("busy").with_filter(filter("user.created"));
    let quiet = new_endpoint("quiet").with_filter(filter("session.created"));
    store.create(busy, START).await;
    store.create(quiet, START).await;
    let backlog = ["msg_1", "msg_2", "msg_3", "msg_4"].map(event);
    enqueue(&store, backlog.to_vec(), 0).await;
    enqueue(&store, vec![typed("msg_q", EventType::SessionCreated)], 9).await;

    let leases = store.lease(limit(100), request(2, 10)).await.unwrap();
    assert_eq!(events_of(&leases), ["msg_1", "msg_q"]);

    enqueue(&store, vec![typed("msg_r", EventType::SessionCreated)], 9).await;
    settle(&store, &leases[1], Outcome::Delivered, 10).await;
    let next = store.lease(limit(100), request(1, 10)).await.unwrap();
    assert_eq!(
        events_of(&next),
        ["msg_r"],
        "`busy` has a lease, `quiet` has none"
    );
}

/// Contract 5.
pub async fn a_delivery_that_kills_its_workers_fails_in_the_end(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    for number in 1..=5 {
        let lease = lease_one(&store, u64::from(number) * LEASE).await;
        assert_eq!(lease.attempt.get(), number);
    }
    assert!(lease(&store, 6 * LEASE).await.is_empty());
    let failed = delivery(&store, "msg_1").await;
    assert_eq!((failed.state, failed.attempts), (DeliveryState::Failed, 5));
    assert_eq!(failed.ended_at, Some(at(6 * LEASE)));
    assert_eq!(store.deliveries.attempts(&failed.id).await.unwrap(), []);
}

/// Contract 6.
pub async fn a_lapsed_lease_may_be_settled_until_it_is_taken_over(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let late = lease_one(&store, 0).await;
    settle(&store, &late, Outcome::Delivered, 5 * LEASE).await;
    assert_eq!(state(&store, "msg_1").await, DeliveryState::Delivered);
}

/// Contract 6.
pub async fn a_lease_that_was_given_up_is_lost(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1"), event("msg_2")], 0).await;
    let leases = lease(&store, 0).await;
    settle(&store, &leases[0], Outcome::Delivered, 1).await;
    assert_lost(&store, &leases[0], 1).await;
    store.release(&leases[1], at(1)).await.unwrap();
    assert_lost(&store, &leases[1], 1).await;
    let settled = delivery(&store, leases[0].work.event.as_str()).await;
    assert_eq!(settled.state, DeliveryState::Delivered);
    assert_eq!(
        store.deliveries.attempts(&settled.id).await.unwrap().len(),
        1
    );
}

/// Contract 6.
pub async fn an_extended_lease_lives_longer(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let held = lease_one(&store, 0).await;
    store.extend(&held, at(3 * LEASE)).await.unwrap();
    assert!(lease(&store, 2 * LEASE).await.is_empty());
    settle(&store, &held, Outcome::Delivered, 2 * LEASE).await;
}

/// Contract 9.
pub async fn a_released_delivery_is_due_at_once_and_the_attempt_is_not_counted(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let first = lease_one(&store, 0).await;
    store.release(&first, at(1)).await.unwrap();
    let second = lease_one(&store, 1).await;
    assert_eq!(second.attempt, first.attempt);
    assert!(second.token > first.token);
    assert_lost(&store, &first, 1).await;
}

/// Contract 10.
pub async fn the_next_due_time_is_returned(store: OutboxPorts) {
    endpoint(&store, "one").await;
    let next = |limit: u16, secs| store.next_due(NonZeroU16::new(limit).unwrap(), at(secs));
    assert_eq!(next(1, 0).await.unwrap(), None);

    enqueue(&store, vec![event("msg_1")], 0).await;
    enqueue(&store, vec![event("msg_2")], 5).await;
    assert_eq!(next(1, 0).await.unwrap(), Some(at(0)));

    let first = store
        .lease(limit(1), request(1, 5))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(next(2, 6).await.unwrap(), Some(at(5)));
    let lapse = at(5 + LEASE);
    assert_eq!(
        next(1, 6).await.unwrap(),
        Some(lapse),
        "the limit is reached"
    );

    settle(&store, &first, Outcome::Retry { at: at(300) }, 7).await;
    assert_eq!(next(1, 7).await.unwrap(), Some(at(5)));
    let second = lease_one(&store, 7).await;
    settle(&store, &second, Outcome::Delivered, 8).await;
    assert_eq!(next(1, 8).await.unwrap(), Some(at(300)));
}

/// Contract 3, all at once.
pub async fn workers_that_lease_at_once_share_nothing(store: OutboxPorts) {
    endpoint(&store, "one").await;
    endpoint(&store, "two").await;
    let events = (0..40).map(|n| event(&format!("msg_{n}"))).collect();
    enqueue(&store, events, 0).await;
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let leases = store.lease(limit(100), request(3, 0)).await.unwrap();
                    if leases.is_empty() {
                        return mine;
                    }
                    mine.extend(leases.into_iter().map(|lease| lease.id));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    assert_eq!(all.len(), 80);
    assert_eq!(all.into_iter().collect::<HashSet<_>>().len(), 80);
}
