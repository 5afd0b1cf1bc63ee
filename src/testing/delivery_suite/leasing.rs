//! Leases of deliveries: their work and their choice.

use std::num::NonZeroU16;

use bytes::Bytes;

use super::{
    LEASE, OutboxPorts, START, at, delivery, endpoint, enqueue, event, events_of, lease, lease_one,
    limit, new_endpoint, report, request, settle, typed,
};
use crate::queue::AttemptNumber;
use crate::send::outbox::{DeliveryState, OutboxStore as _, Outcome, Settlement};
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

/// Contract 10.
pub async fn the_next_due_time_counts_the_limit(store: OutboxPorts) {
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

/// Contract 5.
pub async fn attempts_of_workers_that_died_are_not_logged(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    for number in 0..5 {
        lease_one(&store, number * LEASE).await;
    }
    assert!(lease(&store, 5 * LEASE).await.is_empty());
    let failed = delivery(&store, "msg_1").await;
    assert_eq!((failed.state, failed.attempts), (DeliveryState::Failed, 5));
    assert_eq!(store.deliveries.attempts(&failed.id).await.unwrap(), []);
}

/// Contract 6 and 7: neither in the log nor in the endpoint's health.
pub async fn what_a_lost_lease_reports_is_not_recorded(store: OutboxPorts) {
    let endpoint = endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let lost = lease_one(&store, 0).await;
    let held = lease_one(&store, LEASE).await;
    for outcome in [
        Outcome::Gone,
        Outcome::Exhausted,
        Outcome::Retry { at: at(99) },
    ] {
        let settlement = Settlement::new(report(0, 500), outcome).with_not_before(Some(at(999)));
        let settled = store.settle(&lost, settlement, at(LEASE)).await;
        assert!(settled.unwrap_err().is_lease_lost());
    }
    assert_eq!(store.deliveries.attempts(&held.id).await.unwrap(), []);
    let found = store.endpoints.get(&endpoint.id).await.unwrap().unwrap();
    assert_eq!(
        (found.health, found.status),
        (endpoint.health, endpoint.status)
    );
}
