use bytes::Bytes;

use super::*;
use crate::queue::AttemptNumber;
use crate::send::outbox::lease::Outcome;
use crate::send::outbox::record::DeliveryState;
use crate::testing::delivery_suite::{at, report};
use crate::wire::event::EventType;
use crate::wire::scheme::Scheme;

mod delivery_contract {
    use crate::send::outbox::memory::MemoryOutbox;

    crate::__delivery_store_tests!(async || (MemoryOutbox::new(), ()));
}

mod endpoint_contract {
    use crate::send::outbox::memory::MemoryOutbox;

    crate::__endpoint_store_tests!(async || (MemoryOutbox::new(), ()));
}

fn event(id: &str) -> NewEvent {
    NewEvent::new(
        MessageId::new(id).unwrap(),
        EventType::UserCreated,
        Bytes::new(),
    )
}

async fn with_endpoint(events: usize) -> MemoryOutbox {
    let store = MemoryOutbox::with_capacity(events);
    let endpoint = NewEndpoint::new(
        "https://example.com/",
        Scheme::banata(),
        "whsec_0123456789abcdef0123456789abcdef",
    );
    let actor = Actor::system();
    let created = store.create(endpoint.unwrap(), &actor, at(0)).await;
    created.unwrap();
    store
}

fn all_at(secs: u64) -> LeaseRequest {
    let (many, until) = (NonZeroU16::MAX, at(secs + 60));
    LeaseRequest::new(many, AttemptNumber::FIRST, at(secs), until)
}

#[tokio::test]
async fn a_full_store_refuses_events_until_one_has_finished() {
    let store = with_endpoint(2).await;
    let two = vec![event("msg_1"), event("msg_2")];
    store.enqueue(two, at(0)).await.unwrap();
    let refused = store.enqueue(vec![event("msg_3")], at(1)).await;
    assert!(refused.unwrap_err().is_unavailable());

    let oldest = store
        .lease(NonZeroU16::MAX, all_at(1))
        .await
        .unwrap()
        .remove(0);
    let settlement = Settlement::new(report(1, 200), Outcome::Delivered);
    store.settle(&oldest, settlement, at(1)).await.unwrap();
    store.enqueue(vec![event("msg_3")], at(1)).await.unwrap();

    assert_eq!(store.of_event(&oldest.work.event).await.unwrap(), []);
    let third = MessageId::new("msg_3").unwrap();
    let found = store.of_event(&third).await.unwrap();
    assert_eq!(found[0].state, DeliveryState::Pending);
}

#[tokio::test]
async fn a_batch_that_can_never_fit_removes_nothing() {
    let store = with_endpoint(1).await;
    store.enqueue(vec![event("msg_1")], at(0)).await.unwrap();
    let batch = vec![event("msg_2"), event("msg_3")];
    assert!(
        store
            .enqueue(batch, at(0))
            .await
            .unwrap_err()
            .is_unavailable()
    );
    assert_eq!(
        store.lease(NonZeroU16::MAX, all_at(1)).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn the_event_that_finished_first_makes_room_behind_an_older_one_that_waits() {
    let store = with_endpoint(3).await;
    for id in ["msg_1", "msg_2", "msg_3"] {
        store.enqueue(vec![event(id)], at(0)).await.unwrap();
    }
    let leases = store.lease(NonZeroU16::MAX, all_at(1)).await.unwrap();
    for (lease, secs) in [(&leases[2], 2), (&leases[1], 3)] {
        let settlement = Settlement::new(report(1, 200), Outcome::Delivered);
        store.settle(lease, settlement, at(secs)).await.unwrap();
    }
    store.enqueue(vec![event("msg_4")], at(4)).await.unwrap();
    for (id, is_left) in [("msg_1", true), ("msg_2", true), ("msg_3", false)] {
        let found = store.of_event(&MessageId::new(id).unwrap()).await.unwrap();
        assert_eq!(!found.is_empty(), is_left, "{id}");
    }
}
