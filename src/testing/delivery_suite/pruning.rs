//! Deletes finished events after their retention.

use std::num::NonZeroU16;

use super::{
    OutboxPorts, at, endpoint, enqueue, event, keyed, lease, lease_one, new_endpoint, settle, state,
};
use crate::send::outbox::{DeliveryState, Inserted, OutboxStore as _, Outcome};

const MANY: NonZeroU16 = NonZeroU16::MAX;

async fn prune(store: &OutboxPorts, before: u64) -> usize {
    store.prune(at(before), MANY).await.unwrap()
}

/// Contract 12.
pub async fn a_finished_event_is_deleted_with_its_deliveries_attempts_and_key(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![keyed("msg_1", "key")], 0).await;
    let leased = lease_one(&store, 0).await;
    settle(&store, &leased, Outcome::Delivered, 1).await;
    enqueue(&store, vec![event("msg_2")], 5).await;
    let kept = lease_one(&store, 5).await;
    settle(&store, &kept, Outcome::Delivered, 6).await;

    assert_eq!(prune(&store, 2).await, 1);

    assert!(store.of_event("msg_1").await.is_empty());
    assert!(
        store
            .deliveries
            .attempts(&leased.id)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(state(&store, "msg_2").await, DeliveryState::Delivered);
    assert_eq!(store.deliveries.attempts(&kept.id).await.unwrap().len(), 1);
    let again = enqueue(&store, vec![keyed("msg_1", "key")], 9).await;
    assert!(matches!(again[0], Inserted::New { deliveries: 1, .. }));
    assert_eq!(prune(&store, 2).await, 0);
}

/// Contract 12: the age of its end counts, not only of its beginning.
pub async fn an_event_that_finished_lately_is_kept_however_old(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let leased = lease_one(&store, 100).await;
    settle(&store, &leased, Outcome::Delivered, 101).await;
    assert_eq!(prune(&store, 101).await, 0);
    assert_eq!(prune(&store, 102).await, 1);
}

/// Contract 12: one unfinished delivery keeps its event and the others.
pub async fn an_unfinished_event_is_kept_however_old(store: OutboxPorts) {
    let one = endpoint(&store, "one").await;
    endpoint(&store, "two").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let leases = lease(&store, 0).await;
    let (done, open) = if leases[0].work.endpoint.id == one.id {
        (&leases[0], &leases[1])
    } else {
        (&leases[1], &leases[0])
    };
    settle(&store, done, Outcome::Delivered, 1).await;
    assert_eq!(prune(&store, 9_999).await, 0, "leased");
    settle(&store, open, Outcome::Retry { at: at(300) }, 1).await;
    assert_eq!(prune(&store, 9_999).await, 0, "pending");
    let deliveries = store.of_event("msg_1").await;
    assert_eq!(deliveries.len(), 2);
    assert_eq!(store.deliveries.attempts(&done.id).await.unwrap().len(), 1);

    let again = lease_one(&store, 300).await;
    settle(&store, &again, Outcome::Exhausted, 301).await;
    assert_eq!(prune(&store, 9_999).await, 1);
}

/// Contract 12: events that no endpoint got are finished as well.
pub async fn skipped_cancelled_and_unwanted_events_are_deleted_in_time(store: OutboxPorts) {
    let one = endpoint(&store, "one").await;
    let picky = new_endpoint("two").with_filter("session.*".parse().unwrap());
    store.create(picky, at(0)).await;
    enqueue(&store, vec![event("cancelled")], 0).await;
    store.disable(&one.id, at(1)).await;
    enqueue(&store, vec![event("skipped")], 2).await;
    assert_eq!(prune(&store, 1).await, 0);
    assert_eq!(prune(&store, 3).await, 2);
    assert!(store.of_event("skipped").await.is_empty());
}

/// Contract 12: in batches.
pub async fn no_more_is_deleted_at_once_than_asked_for(store: OutboxPorts) {
    let ids = (0..7).map(|n| event(&format!("msg_{n}")));
    enqueue(&store, ids.collect(), 0).await;
    let three = NonZeroU16::new(3).unwrap();
    let mut pruned = Vec::new();
    for _ in 0..4 {
        pruned.push(store.prune(at(1), three).await.unwrap());
    }
    assert_eq!(pruned, [3, 3, 1, 0]);
}
