//! Storing events.

use std::collections::HashSet;

use super::{
    OutboxPorts, START, at, delivery, endpoint, enqueue, event, keyed, lease, lease_one, message,
    new_endpoint,
};
use crate::send::outbox::{DeliveryState, Inserted, OutboxStore as _};

/// The store responds.
pub async fn a_store_that_works_responds_to_a_ping(store: OutboxPorts) {
    store.ping().await.unwrap();
    assert_eq!(enqueue(&store, Vec::new(), 0).await, []);
}

/// Contract 1.
pub async fn an_event_goes_to_each_endpoint_whose_filter_it_passes(store: OutboxPorts) {
    let users = new_endpoint("users").with_filter("user.*".parse().unwrap());
    let sessions = new_endpoint("sessions").with_filter("session.created".parse().unwrap());
    let users = store.create(users, START).await;
    store.create(sessions, START).await;
    let all = endpoint(&store, "all").await;

    let inserted = enqueue(&store, vec![event("msg_1")], 0).await;

    let expected = Inserted::New {
        id: message("msg_1"),
        deliveries: 2,
    };
    assert_eq!(inserted, [expected]);
    let deliveries = store.of_event("msg_1").await;
    let to: HashSet<_> = deliveries.iter().map(|one| one.endpoint.clone()).collect();
    assert_eq!(to, HashSet::from([users.id, all.id]));
    for one in deliveries {
        assert_eq!((one.state, one.attempts), (DeliveryState::Pending, 0));
        assert_eq!((one.due_at, one.ended_at), (Some(at(0)), None));
    }
}

/// Contract 1.
pub async fn an_event_that_no_endpoint_wants_is_stored_all_the_same(store: OutboxPorts) {
    enqueue(&store, vec![event("msg_1")], 0).await;
    let again = enqueue(&store, vec![event("msg_1")], 1).await;
    assert!(matches!(again[..], [Inserted::Duplicate { .. }]));
    assert_eq!(store.of_event("msg_1").await, []);
}

/// Contract 1.
pub async fn a_disabled_endpoint_gets_a_skipped_delivery(store: OutboxPorts) {
    let one = endpoint(&store, "one").await;
    store.disable(&one.id, at(1)).await;
    let inserted = enqueue(&store, vec![event("msg_1")], 2).await;
    let expected = Inserted::New {
        id: message("msg_1"),
        deliveries: 0,
    };
    assert_eq!(inserted, [expected]);
    let skipped = delivery(&store, "msg_1").await;
    assert_eq!(skipped.state, DeliveryState::Skipped);
    assert_eq!((skipped.due_at, skipped.ended_at), (None, Some(at(2))));

    store.endpoints.enable(&one.id).await.unwrap();
    assert!(lease(&store, 3).await.is_empty());
}

/// Contract 2.
pub async fn storing_an_id_or_a_key_again_changes_nothing(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![keyed("msg_1", "sign-up 17")], 0).await;

    let same_id = enqueue(&store, vec![event("msg_1")], 1).await;
    let same_key = enqueue(&store, vec![keyed("msg_2", "sign-up 17")], 1).await;

    for inserted in [same_id, same_key] {
        let id = message("msg_1");
        assert_eq!(inserted, [Inserted::Duplicate { id }]);
    }
    assert_eq!(lease(&store, 2).await.len(), 1);
    assert_eq!(store.of_event("msg_2").await, []);
}

/// Contract 2.
pub async fn duplicates_within_one_call_are_found_and_results_keep_the_order(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![keyed("msg_0", "zero")], 0).await;
    let events = vec![
        keyed("msg_1", "one"),
        keyed("msg_2", "zero"),
        event("msg_3"),
        keyed("msg_4", "one"),
        event("msg_3"),
    ];
    let inserted = enqueue(&store, events, 1).await;
    let new = |id| Inserted::New {
        id: message(id),
        deliveries: 1,
    };
    let duplicate = |id| Inserted::Duplicate { id: message(id) };
    assert_eq!(
        inserted,
        [
            new("msg_1"),
            duplicate("msg_0"),
            new("msg_3"),
            duplicate("msg_1"),
            duplicate("msg_3"),
        ]
    );
    assert_eq!(lease(&store, 2).await.len(), 3);
}

/// The listener.
pub async fn storing_and_releasing_notify_listeners(store: OutboxPorts) {
    endpoint(&store, "one").await;
    let mut listener = store.listen();
    enqueue(&store, vec![event("msg_1")], 0).await;
    listener.notified().await;
    let held = lease_one(&store, 0).await;
    store.release(&held, at(1)).await.unwrap();
    listener.notified().await;
}

/// Contract 1 and 2, all at once.
pub async fn emitters_that_store_one_key_at_once_store_one_event(store: OutboxPorts) {
    endpoint(&store, "one").await;
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let store = store.clone();
            let event = keyed(&format!("msg_{n}"), "same");
            tokio::spawn(async move { store.enqueue(vec![event], at(0)).await.unwrap() })
        })
        .collect();
    let mut ids = HashSet::new();
    let mut new = 0;
    for task in tasks {
        let inserted = task.await.unwrap().remove(0);
        new += usize::from(matches!(inserted, Inserted::New { .. }));
        ids.insert(inserted.id().clone());
    }
    assert_eq!((new, ids.len()), (1, 1));
    assert_eq!(lease(&store, 0).await.len(), 1);
}
