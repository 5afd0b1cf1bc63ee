use std::num::NonZeroU16;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

use crate::queue::{AttemptNumber, LeaseRequest};
use crate::send::outbox::deliveries::DeliveryLog;
use crate::send::outbox::endpoints::Endpoints;
use crate::send::outbox::memory::MemoryOutbox;
use crate::send::outbox::new_endpoint::NewEndpoint;
use crate::testing::{ManualClock, SeededEntropy};
use crate::wire::event::EventType;
use crate::wire::scheme::Scheme;

const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_123);

fn data(fields: &Value) -> Map<String, Value> {
    fields.as_object().unwrap().clone()
}

fn created(user: &str) -> AuthEvent {
    AuthEvent::new(EventType::UserCreated, data(&json!({ "id": user })))
}

fn of_size(bytes: usize) -> AuthEvent {
    let filler = "x".repeat(bytes);
    AuthEvent::new(EventType::UserCreated, data(&json!({ "id": filler })))
}

fn received(payload: &str) -> AuthEvent {
    AuthEvent::from_slice(payload.as_bytes()).unwrap()
}

/// A store with one endpoint that gets everything, and an emitter that writes to it.
async fn emitter() -> (MemoryOutbox, Emitter) {
    let store = MemoryOutbox::new();
    let endpoint = NewEndpoint::new(
        "https://example.com/hook",
        Scheme::banata(),
        "whsec_0123456789abcdef0123456789abcdef",
    );
    let created = Endpoints::from(&store).create(endpoint.unwrap()).await;
    assert!(created.is_ok());
    let emitter = Emitter::new(store.clone())
        .with_clock(ManualClock::at(NOW))
        .with_entropy(SeededEntropy::new(1));
    (store, emitter)
}

/// The bodies of the requests that a worker would make, in their order.
async fn sent(store: &MemoryOutbox) -> Vec<Value> {
    let many = NonZeroU16::MAX;
    let request = LeaseRequest::new(many, AttemptNumber::FIRST, NOW, NOW);
    let leases = store.lease(many, request).await.unwrap();
    let body = |lease: &crate::send::outbox::lease::DeliveryLease| {
        serde_json::from_slice(&lease.work.payload).unwrap()
    };
    leases.iter().map(body).collect()
}

#[tokio::test]
async fn an_event_gets_an_id_and_a_time_inside_the_body() {
    let (store, emitter) = emitter().await;
    let id = emitter.emit(created("usr_1")).await.unwrap();
    assert_eq!(
        sent(&store).await,
        [json!({
            "id": id.as_str(),
            "event": "user.created",
            "timestamp": "2023-11-14T22:13:20.123Z",
            "data": { "id": "usr_1" },
        })]
    );
}

#[tokio::test]
async fn an_event_that_has_an_id_keeps_it_and_is_stored_once() {
    let (store, emitter) = emitter().await;
    let event = received(r#"{"id":"msg_own","event":"user.created","data":{"id":"usr_1"}}"#);
    for _ in 0..2 {
        let id = emitter.emit(event.clone()).await.unwrap();
        assert_eq!(id.as_str(), "msg_own");
    }
    assert_eq!(sent(&store).await.len(), 1);
}

#[tokio::test]
async fn a_key_stores_one_event_and_always_answers_with_its_id() {
    let (store, emitter) = emitter().await;
    let key = IdempotencyKey::new("sign-up usr_1").unwrap();
    let first = emitter
        .emit_once(key.clone(), created("usr_1"))
        .await
        .unwrap();
    let second = emitter.emit_once(key, created("usr_1")).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(sent(&store).await.len(), 1);
}

#[tokio::test]
async fn several_events_are_stored_in_their_order() {
    let (store, emitter) = emitter().await;
    let users = ["usr_3", "usr_1", "usr_2"];
    let ids = emitter.emit_all(users.map(created)).await.unwrap();
    let sent = sent(&store).await;
    let sent: Vec<_> = sent
        .iter()
        .map(|body| (&body["id"], &body["data"]["id"]))
        .collect();
    let ids: Vec<_> = ids.iter().map(|id| json!(id.as_str())).collect();
    let users = users.map(|user| json!(user));
    assert_eq!(sent, ids.iter().zip(&users).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_ids_of_an_emitter_and_its_copies_rise_in_the_order_of_emission() {
    let (_, emitter) = emitter().await;
    let back = emitter
        .clone()
        .with_clock(ManualClock::at(UnixMillis::from_millis(5)));
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(emitter.emit(created("u")).await.unwrap());
        ids.push(back.emit(created("u")).await.unwrap());
        ids.extend(emitter.emit_all(["u", "v"].map(created)).await.unwrap());
    }
    assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
}

#[tokio::test]
async fn one_event_that_may_not_be_sent_keeps_all_of_them_out() {
    let (store, emitter) = emitter().await;
    let refused = emitter
        .emit_all([created("usr_1"), of_size(MAX_PAYLOAD)])
        .await;
    assert!(matches!(refused, Err(EmitError::PayloadTooLarge { .. })));
    assert_eq!(sent(&store).await, [] as [Value; 0]);
}

#[tokio::test]
async fn no_events_are_stored_without_asking_the_store() {
    let (_, emitter) = emitter().await;
    assert_eq!(emitter.emit_all([]).await.unwrap(), []);
}

#[tokio::test]
async fn a_payload_is_taken_up_to_its_limit_and_no_further() {
    let (store, emitter) = emitter().await;
    emitter.emit(of_size(1)).await.unwrap();
    let envelope = sent(&store).await[0].to_string().len() - 1;
    emitter.emit(of_size(MAX_PAYLOAD - envelope)).await.unwrap();
    let refused = emitter.emit(of_size(MAX_PAYLOAD - envelope + 1)).await;
    assert!(matches!(
        refused,
        Err(EmitError::PayloadTooLarge { actual }) if actual == MAX_PAYLOAD + 1
    ));
}

#[tokio::test]
async fn names_and_ids_that_could_break_a_header_are_refused() {
    let (store, emitter) = emitter().await;
    let name = received(r#"{"event":"user created\r\nx: y","data":{}}"#);
    let error = emitter.emit(name).await.unwrap_err();
    assert!(matches!(error, EmitError::EventType(_)));
    let id = received(r#"{"id":"a.b","event":"user.created","data":{"id":"u"}}"#);
    let error = emitter.emit(id).await.unwrap_err();
    assert!(matches!(error, EmitError::Id(_)));
    assert_eq!(sent(&store).await, [] as [Value; 0]);
}

#[tokio::test]
async fn an_emitted_event_is_in_the_log() {
    let (store, emitter) = emitter().await;
    let id = emitter.emit(created("usr_1")).await.unwrap();
    assert_eq!(store.of_event(&id).await.unwrap().len(), 1);
    emitter.ping().await.unwrap();
    assert!(format!("{emitter:?}").starts_with("Emitter"));
}

/// `value` inside `levels` arrays.
fn nested(levels: usize, value: Value) -> Value {
    (0..levels).fold(value, |inner, _| Value::Array(vec![inner]))
}

#[tokio::test]
async fn data_is_taken_up_to_its_depth_and_no_further() {
    let (store, emitter) = emitter().await;
    let event = |levels| {
        let fields = json!({"id": "usr_1", "metadata": nested(levels, json!(1))});
        AuthEvent::new(EventType::UserCreated, data(&fields))
    };
    emitter.emit(event(MAX_DEPTH - 1)).await.unwrap();
    for levels in [MAX_DEPTH, 126, 300] {
        let refused = emitter.emit(event(levels)).await;
        assert!(matches!(refused, Err(EmitError::TooDeep)), "{levels}");
    }
    assert_eq!(sent(&store).await.len(), 1);
}

proptest! {
    #[test]
    fn whatever_is_taken_can_be_decoded(
        in_data in 0_usize..140,
        in_extra in 0_usize..126,
        leaf in prop_oneof![Just(json!({})), any::<String>().prop_map(Value::from), any::<f64>().prop_map(Value::from)],
        key: String,
        time: u64,
    ) {
        let fields = json!({"event": "crm.made", "data": {}, key.as_str(): nested(in_extra, leaf.clone())});
        prop_assume!(!["event", "type", "data", "id", "timestamp", "created_at", "createdAt"].contains(&key.as_str()));
        let event = received(&fields.to_string()).at(UnixMillis::from_millis(time));
        let event = event.map_data(|_| data(&json!({ key: nested(in_data, leaf) })));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (store, emitter) = emitter().await;
            if emitter.emit(event.clone()).await.is_ok() {
                let body = sent(&store).await[0].to_string();
                assert_eq!(received(&body).data(), event.data());
            }
        });
    }
}

#[tokio::test]
async fn an_event_whose_data_is_not_its_resource_is_refused_by_name_and_field() {
    let (store, emitter) = emitter().await;
    for (event, fields, field) in [
        (
            "user.created",
            json!({"id": "u", "emailVerified": 1}),
            "emailVerified",
        ),
        ("user.deleted", json!({}), "id"),
        (
            "session.revoked",
            json!({"handle": "tell-nobody"}),
            "handle",
        ),
        (
            "member.added",
            json!({"id": "m", "createdAt": "x"}),
            "createdAt",
        ),
    ] {
        let wrong = AuthEvent::new(event.parse().unwrap(), data(&fields));
        let key = IdempotencyKey::new("key").unwrap();
        let refusals = [
            emitter.emit(wrong.clone()).await.unwrap_err(),
            emitter.emit_once(key, wrong.clone()).await.unwrap_err(),
            emitter.emit_all([created("u"), wrong]).await.unwrap_err(),
        ];
        for refused in refusals {
            assert!(refused.to_string().contains(event), "{refused}");
            assert!(
                matches!(
                    refused,
                    EmitError::Resource { cause: DecodeError::Resource { field: named, .. }, .. }
                        if named == field
                ),
                "{refused:?}"
            );
            assert!(
                !format!("{refused:?}").contains("tell-nobody"),
                "{refused:?}"
            );
        }
    }
    assert_eq!(sent(&store).await, [] as [Value; 0]);
}

proptest! {
    #[test]
    fn an_event_that_was_made_to_fit_is_taken_whatever_its_data(
        event in crate::wire::event::any_events(),
        more in 0_usize..40,
    ) {
        let event = event.map_data(|mut data| {
            data.insert("metadata".into(), vec!["x".repeat(8192); more].into());
            data
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        if let Ok(event) = event.fit() {
            let taken = runtime.block_on(async { emitter().await.1.emit(event).await });
            prop_assert!(taken.is_ok(), "{:?}", taken);
        }
    }
}
