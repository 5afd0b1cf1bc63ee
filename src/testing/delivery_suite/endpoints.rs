//! Registering, disabling and enabling.

use super::{
    OutboxPorts, START, at, endpoint, enqueue, event, events_of, exhaust, lease, new_endpoint,
};
use crate::base::id::EndpointId;
use crate::send::outbox::{Delivery, DeliveryState, DisabledBecause, EndpointStatus, Health};
use crate::wire::event::EventFilter;
use crate::wire::scheme::Scheme;

/// Endpoint contract 1 and 5.
pub async fn endpoints_are_found_by_id_and_listed_oldest_first(store: OutboxPorts) {
    assert!(store.endpoints.list().await.unwrap().is_empty());
    let one = endpoint(&store, "one").await;
    let filter: EventFilter = "user.*".parse().unwrap();
    let two = new_endpoint("two").with_filter(filter.clone());
    let two = store.create(two, at(1)).await;
    assert_ne!(one.id, two.id);

    let found = store.endpoints.get(&two.id).await.unwrap().unwrap();
    assert_eq!(found.id, two.id);
    assert_eq!(found.url.as_str(), "https://two.example.com/hook?a=b");
    assert_eq!(found.filter, filter);
    assert_eq!(found.scheme, Scheme::standard_webhooks());
    assert_eq!(found.status, EndpointStatus::Enabled);
    assert_eq!((found.health, found.created_at), (Health::GOOD, at(1)));
    found.signer(START).unwrap();

    let listed = store.endpoints.list().await.unwrap();
    let ids: Vec<_> = listed.into_iter().map(|endpoint| endpoint.id).collect();
    assert_eq!(ids, [one.id, two.id]);
}

/// Absence is no error.
pub async fn an_endpoint_that_does_not_exist_is_none(store: OutboxPorts) {
    let nobody = EndpointId::new("we_nobody").unwrap();
    assert!(store.endpoints.get(&nobody).await.unwrap().is_none());
    assert!(store.disable(&nobody, at(0)).await.is_none());
    assert!(store.endpoints.enable(&nobody).await.unwrap().is_none());
}

/// Endpoint contract 2.
pub async fn an_endpoint_gets_no_events_from_before_its_time(store: OutboxPorts) {
    enqueue(&store, vec![event("msg_1")], 0).await;
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_2")], 0).await;
    assert_eq!(events_of(&lease(&store, 1).await), ["msg_2"]);
}

/// Endpoint contract 2, 3 and 4.
pub async fn a_change_of_an_endpoint_counts_for_the_next_event(store: OutboxPorts) {
    let (emitter, admin) = (store.clone(), store);
    let pending = async |id: &str| {
        enqueue(&emitter, vec![event(id)], 0).await;
        let deliveries = emitter.of_event(id).await;
        let pending = |one: &&Delivery| one.state == DeliveryState::Pending;
        deliveries.iter().filter(pending).count()
    };
    assert_eq!(pending("msg_1").await, 0);
    let one = endpoint(&admin, "one").await;
    assert_eq!(pending("msg_2").await, 1);
    let others = new_endpoint("two").with_filter("session.*".parse().unwrap());
    admin.create(others, at(1)).await;
    assert_eq!(pending("msg_3").await, 1);
    endpoint(&admin, "three").await;
    assert_eq!(pending("msg_4").await, 2);
    admin.disable(&one.id, at(2)).await;
    assert_eq!(pending("msg_5").await, 1);
    admin.endpoints.enable(&one.id).await.unwrap();
    assert_eq!(pending("msg_6").await, 2);
}

/// Endpoint contract 3.
pub async fn disabling_cancels_pending_deliveries_and_happens_once(store: OutboxPorts) {
    let one = endpoint(&store, "one").await;
    let two = endpoint(&store, "two").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let disabled = store.disable(&one.id, at(1)).await.unwrap();
    let expected = EndpointStatus::Disabled {
        at: at(1),
        because: DisabledBecause::Operator,
    };
    assert_eq!(disabled.status, expected);
    let again = store.disable(&one.id, at(2)).await.unwrap();
    assert_eq!(again.status, expected);

    let leases = lease(&store, 3).await;
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].work.endpoint.id, two.id);
    let deliveries = store.of_event("msg_1").await;
    let to_one = deliveries.iter().find(|d| d.endpoint == one.id).unwrap();
    assert_eq!(to_one.state, DeliveryState::Cancelled);
    assert_eq!(to_one.ended_at, Some(at(1)));
}

/// Endpoint contract 4.
pub async fn an_enabled_endpoint_starts_afresh(store: OutboxPorts) {
    let one = endpoint(&store, "one").await;
    exhaust(&store, "msg_1", 0).await;
    enqueue(&store, vec![event("msg_2")], 1).await;
    store.disable(&one.id, at(2)).await;
    let enabled = store.endpoints.enable(&one.id).await.unwrap().unwrap();
    assert_eq!(enabled.status, EndpointStatus::Enabled);
    assert_eq!(enabled.health, Health::GOOD);
    assert!(lease(&store, 3).await.is_empty());
    enqueue(&store, vec![event("msg_3")], 4).await;
    assert_eq!(events_of(&lease(&store, 5).await), ["msg_3"]);
}

/// Endpoint contract 4.
pub async fn enabling_an_enabled_endpoint_keeps_its_health(store: OutboxPorts) {
    let one = endpoint(&store, "one").await;
    exhaust(&store, "msg_1", 7).await;
    let same = store.endpoints.enable(&one.id).await.unwrap().unwrap();
    assert_eq!(same.health, Health::failing(at(7), 1));
}
