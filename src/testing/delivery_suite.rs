//! The conformance suites of [`DeliveryStore`] and [`EndpointStore`].

use std::collections::HashSet;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use crate::clock::UnixMillis;
use crate::delivery::{
    AttemptReport, Delivery, DeliveryLog, DeliveryState, DeliveryStore, DisabledBecause, Endpoint,
    EndpointStatus, EndpointStore, FailureReason, Health, IdempotencyKey, Inserted, Lease,
    LeaseRequest, MAX_RESPONSE, NewEndpoint, NewEvent, Outcome, Settled, Settlement,
};
use crate::egress::EgressPolicy;
use crate::event::{EventFilter, EventType};
use crate::id::MessageId;
use crate::retry::AttemptNumber;
use crate::signature::Scheme;

/// Makes one test for each point of the contract of
/// [`DeliveryStore`](crate::delivery::DeliveryStore); the store must also be an
/// [`EndpointStore`](crate::delivery::EndpointStore) and a
/// [`DeliveryLog`](crate::delivery::DeliveryLog).
///
/// Takes a closure that makes, each time, an empty store and whatever has to outlive it, such as its
/// directory: `async || -> (impl DeliveryStore + EndpointStore + DeliveryLog, Guard)`. Put it in a
/// module of its own. Needs `tokio` with `macros` and `rt` beside it.
///
/// ```
/// mod memory {
///     tower_auth_sync::testing::delivery_store_tests!(async || {
///         (tower_auth_sync::delivery::MemoryStore::new(), ())
///     });
/// }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __delivery_store_tests {
    ($make:expr) => {
        $crate::__delivery_store_tests! { @cases $make;
            a_store_that_works_answers_a_ping
            an_event_goes_to_each_endpoint_whose_filter_it_passes
            an_event_that_nobody_wants_is_stored_all_the_same
            a_disabled_endpoint_gets_a_skipped_delivery
            storing_an_id_or_a_key_again_changes_nothing
            duplicates_within_one_call_are_found_and_answers_keep_the_order
            a_lease_carries_event_and_endpoint_as_they_were_stored
            a_delivery_is_not_leased_twice_while_the_lease_lives
            a_lapsed_lease_is_taken_over_with_a_higher_attempt_and_token
            due_deliveries_are_leased_earliest_first
            what_became_due_together_goes_out_in_the_order_it_was_stored
            no_endpoint_gets_more_living_leases_than_the_cap
            an_endpoint_with_a_backlog_does_not_hold_up_another
            a_delivery_that_kills_its_workers_fails_in_the_end
            a_lapsed_lease_may_be_settled_until_it_is_taken_over
            a_lease_that_was_given_up_is_lost
            attempts_are_logged_and_a_retry_is_due_at_its_time
            an_attempt_that_was_never_answered_keeps_its_reason
            of_a_long_answer_only_the_beginning_is_kept
            an_endpoint_that_is_gone_gets_nothing_more
            a_delivery_under_way_when_its_endpoint_is_disabled_is_not_tried_again
            an_endpoint_that_fails_for_five_days_is_disabled
            a_retry_does_not_disable_an_endpoint
            a_success_makes_an_endpoint_healthy
            an_extended_lease_lives_longer
            a_released_delivery_is_due_at_once_and_the_attempt_is_not_counted
            the_next_due_time_is_told
            storing_and_releasing_are_heard
            workers_that_lease_at_once_share_nothing
            emitters_that_store_one_key_at_once_store_one_event
        }
    };
    (@cases $make:expr; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let (store, _guard) = ($make)().await;
                $crate::testing::delivery_suite::$case(store).await;
            }
        )*
    };
}

/// Makes one test for each point of the contract of
/// [`EndpointStore`](crate::delivery::EndpointStore), as
/// [`delivery_store_tests!`](crate::testing::delivery_store_tests) does for the deliveries.
#[doc(hidden)]
#[macro_export]
macro_rules! __endpoint_store_tests {
    ($make:expr) => {
        $crate::__delivery_store_tests! { @cases $make;
            endpoints_are_found_by_id_and_listed_oldest_first
            an_endpoint_that_does_not_exist_is_none
            an_endpoint_gets_no_events_from_before_its_time
            disabling_cancels_what_waits_and_happens_once
            an_enabled_endpoint_starts_afresh
            enabling_an_enabled_endpoint_keeps_its_health
        }
    };
}

/// All three ports of one store.
pub trait Store: DeliveryStore + EndpointStore + DeliveryLog {}

impl<S: DeliveryStore + EndpointStore + DeliveryLog> Store for S {}

/// When the tests begin.
pub const START: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);

/// Returns a time so many seconds after [`START`].
#[must_use]
pub const fn at(secs: u64) -> UnixMillis {
    UnixMillis::from_millis(START.as_millis() + secs * 1000)
}

const DAY: u64 = 24 * 3600;

/// How long a lease of these tests lives, in seconds.
const LEASE: u64 = 60;

fn event(id: &str) -> NewEvent {
    typed(id, EventType::UserCreated)
}

fn typed(id: &str, event_type: EventType) -> NewEvent {
    NewEvent {
        id: message(id),
        event_type,
        payload: Bytes::from(format!("payload of {id} \u{0}\u{ff}")),
        idempotency_key: None,
    }
}

fn keyed(id: &str, key: &str) -> NewEvent {
    NewEvent {
        idempotency_key: Some(IdempotencyKey::new(key).unwrap()),
        ..event(id)
    }
}

fn message(id: &str) -> MessageId {
    MessageId::new(id).unwrap()
}

fn new_endpoint(host: &str) -> NewEndpoint {
    NewEndpoint::new(
        &format!("https://{host}.example.com/hook?a=b"),
        Scheme::standard_webhooks(),
        "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
        &EgressPolicy::public(),
    )
    .unwrap()
}

/// Registers an endpoint that gets everything.
pub async fn endpoint(store: &impl Store, host: &str) -> Endpoint {
    store.create(new_endpoint(host), START).await.unwrap()
}

async fn enqueue(store: &impl Store, events: Vec<NewEvent>, secs: u64) -> Vec<Inserted> {
    store.enqueue(events, at(secs)).await.unwrap()
}

/// Asks for leases at `secs` that live for a minute, in five attempts at most.
#[must_use]
pub fn request(max: u16, per_endpoint: u16, secs: u64) -> LeaseRequest {
    LeaseRequest {
        max: NonZeroU16::new(max).unwrap(),
        per_endpoint: NonZeroU16::new(per_endpoint).unwrap(),
        max_attempts: AttemptNumber::new(5).unwrap(),
        now: at(secs),
        until: at(secs + LEASE),
    }
}

async fn lease(store: &impl Store, secs: u64) -> Vec<Lease> {
    store.lease(request(100, 100, secs)).await.unwrap()
}

async fn lease_one(store: &impl Store, secs: u64) -> Lease {
    let mut leases = lease(store, secs).await;
    assert_eq!(leases.len(), 1, "one delivery is due at {secs} s");
    leases.remove(0)
}

fn events_of(leases: &[Lease]) -> Vec<&str> {
    leases.iter().map(|lease| lease.event.as_str()).collect()
}

/// A report of an attempt that was answered.
#[must_use]
pub fn report(secs: u64, status: u16) -> AttemptReport {
    let failed = !(200..300).contains(&status);
    AttemptReport {
        started_at: at(secs),
        duration: Duration::from_millis(1234),
        status: Some(StatusCode::from_u16(status).unwrap()),
        failure: failed.then_some(FailureReason::Status),
        response: Bytes::from_static(b"answer"),
    }
}

async fn settle(store: &impl Store, lease: &Lease, outcome: Outcome, secs: u64) -> Settled {
    let status = match outcome {
        Outcome::Delivered => 204,
        Outcome::Retry { .. } | Outcome::Exhausted => 500,
        Outcome::Gone => 410,
    };
    let settlement = Settlement {
        report: report(secs, status),
        outcome,
    };
    store.settle(lease, settlement, at(secs)).await.unwrap()
}

async fn delivery(store: &impl Store, event: &str) -> Delivery {
    let mut found = store.deliveries(&message(event)).await.unwrap();
    assert_eq!(found.len(), 1, "{event} has one delivery");
    found.remove(0)
}

async fn state(store: &impl Store, event: &str) -> DeliveryState {
    delivery(store, event).await.state
}

async fn assert_lost(store: &impl Store, lease: &Lease, secs: u64) {
    let settlement = Settlement {
        report: report(secs, 200),
        outcome: Outcome::Delivered,
    };
    let settled = store.settle(lease, settlement, at(secs)).await;
    assert!(settled.unwrap_err().is_lease_lost());
    let extended = store.extend(lease, at(secs + 999)).await;
    assert!(extended.unwrap_err().is_lease_lost());
    let released = store.release(lease, at(secs)).await;
    assert!(released.unwrap_err().is_lease_lost());
}

/// The store answers.
pub async fn a_store_that_works_answers_a_ping(store: impl Store) {
    store.ping().await.unwrap();
    assert_eq!(enqueue(&store, Vec::new(), 0).await, []);
}

/// Contract 1.
pub async fn an_event_goes_to_each_endpoint_whose_filter_it_passes(store: impl Store) {
    let users = new_endpoint("users").with_filter("user.*".parse().unwrap());
    let sessions = new_endpoint("sessions").with_filter("session.created".parse().unwrap());
    let users = store.create(users, START).await.unwrap();
    store.create(sessions, START).await.unwrap();
    let all = endpoint(&store, "all").await;

    let inserted = enqueue(&store, vec![event("msg_1")], 0).await;

    let expected = Inserted::New {
        id: message("msg_1"),
        deliveries: 2,
    };
    assert_eq!(inserted, [expected]);
    let deliveries = store.deliveries(&message("msg_1")).await.unwrap();
    let to: HashSet<_> = deliveries.iter().map(|one| one.endpoint.clone()).collect();
    assert_eq!(to, HashSet::from([users.id, all.id]));
    for one in deliveries {
        assert_eq!((one.state, one.attempts), (DeliveryState::Pending, 0));
        assert_eq!((one.due_at, one.ended_at), (Some(at(0)), None));
    }
}

/// Contract 1.
pub async fn an_event_that_nobody_wants_is_stored_all_the_same(store: impl Store) {
    enqueue(&store, vec![event("msg_1")], 0).await;
    let again = enqueue(&store, vec![event("msg_1")], 1).await;
    assert!(matches!(again[..], [Inserted::Duplicate { .. }]));
    assert_eq!(store.deliveries(&message("msg_1")).await.unwrap(), []);
}

/// Contract 1.
pub async fn a_disabled_endpoint_gets_a_skipped_delivery(store: impl Store) {
    let one = endpoint(&store, "one").await;
    store.disable(&one.id, at(1)).await.unwrap();
    let inserted = enqueue(&store, vec![event("msg_1")], 2).await;
    let expected = Inserted::New {
        id: message("msg_1"),
        deliveries: 0,
    };
    assert_eq!(inserted, [expected]);
    let skipped = delivery(&store, "msg_1").await;
    assert_eq!(skipped.state, DeliveryState::Skipped);
    assert_eq!((skipped.due_at, skipped.ended_at), (None, Some(at(2))));

    store.enable(&one.id).await.unwrap();
    assert!(lease(&store, 3).await.is_empty());
}

/// Contract 2.
pub async fn storing_an_id_or_a_key_again_changes_nothing(store: impl Store) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![keyed("msg_1", "sign-up 17")], 0).await;

    let same_id = enqueue(&store, vec![event("msg_1")], 1).await;
    let same_key = enqueue(&store, vec![keyed("msg_2", "sign-up 17")], 1).await;

    for inserted in [same_id, same_key] {
        let id = message("msg_1");
        assert_eq!(inserted, [Inserted::Duplicate { id }]);
    }
    assert_eq!(lease(&store, 2).await.len(), 1);
    assert_eq!(store.deliveries(&message("msg_2")).await.unwrap(), []);
}

/// Contract 2.
pub async fn duplicates_within_one_call_are_found_and_answers_keep_the_order(store: impl Store) {
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

/// Contract 1 and 3: what was stored is what is sent.
pub async fn a_lease_carries_event_and_endpoint_as_they_were_stored(store: impl Store) {
    let filter: EventFilter = "user.*".parse().unwrap();
    let new = new_endpoint("one").with_filter(filter.clone());
    let stored = store.create(new, START).await.unwrap();
    let mut sent = typed("msg_1", EventType::new("user.renamed").unwrap());
    sent.payload = Bytes::from_iter(0..=255);
    enqueue(&store, vec![sent.clone()], 0).await;

    let lease = lease_one(&store, 0).await;

    assert_eq!(lease.event, sent.id);
    assert_eq!(lease.event_type, sent.event_type);
    assert_eq!(lease.payload, sent.payload);
    assert_eq!(lease.attempt, AttemptNumber::FIRST);
    assert_eq!(lease.endpoint.id, stored.id);
    assert_eq!(lease.endpoint.url, stored.url);
    assert_eq!(lease.endpoint.scheme, Scheme::standard_webhooks());
    assert_eq!(lease.endpoint.filter, filter);
    lease.endpoint.signer(START).unwrap();
}

/// Contract 3.
pub async fn a_delivery_is_not_leased_twice_while_the_lease_lives(store: impl Store) {
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
pub async fn a_lapsed_lease_is_taken_over_with_a_higher_attempt_and_token(store: impl Store) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let first = lease_one(&store, 0).await;
    let second = lease_one(&store, LEASE).await;
    assert_eq!(second.delivery, first.delivery);
    assert_eq!(second.attempt, first.attempt.next());
    assert!(second.token > first.token);
    assert_lost(&store, &first, LEASE).await;
    settle(&store, &second, Outcome::Delivered, LEASE).await;
}

/// Contract 3 and 4.
pub async fn due_deliveries_are_leased_earliest_first(store: impl Store) {
    endpoint(&store, "one").await;
    for (id, secs) in [("msg_3", 30), ("msg_1", 10), ("msg_2", 20)] {
        enqueue(&store, vec![event(id)], secs).await;
    }
    assert!(lease(&store, 9).await.is_empty());
    let first = store.lease(request(1, 100, 25)).await.unwrap();
    assert_eq!(events_of(&first), ["msg_1"]);
    assert_eq!(events_of(&lease(&store, 25).await), ["msg_2"]);
    assert_eq!(events_of(&lease(&store, 30).await), ["msg_3"]);
}

/// Contract 4.
pub async fn what_became_due_together_goes_out_in_the_order_it_was_stored(store: impl Store) {
    endpoint(&store, "one").await;
    let ids = ["msg_5", "msg_1", "msg_4", "msg_2", "msg_3"];
    enqueue(&store, ids.map(event).to_vec(), 0).await;
    let mut order = Vec::new();
    for _ in ids {
        let leases = store.lease(request(1, 100, 0)).await.unwrap();
        order.extend(leases.into_iter().map(|lease| lease.event));
    }
    assert_eq!(order, ids.map(message));
}

/// Contract 4.
pub async fn no_endpoint_gets_more_living_leases_than_the_cap(store: impl Store) {
    endpoint(&store, "one").await;
    let events = ["msg_1", "msg_2", "msg_3"].map(event);
    enqueue(&store, events.to_vec(), 0).await;
    let capped = |secs| store.lease(request(100, 2, secs));

    let leases = capped(0).await.unwrap();
    assert_eq!(leases.len(), 2);
    assert!(capped(1).await.unwrap().is_empty());
    settle(&store, &leases[0], Outcome::Delivered, 1).await;
    assert_eq!(capped(1).await.unwrap().len(), 1);
    assert_eq!(capped(1 + LEASE).await.unwrap().len(), 2);
}

/// Contract 4.
pub async fn an_endpoint_with_a_backlog_does_not_hold_up_another(store: impl Store) {
    let filter = |text: &str| text.parse::<EventFilter>().unwrap();
    let busy = new_endpoint("busy").with_filter(filter("user.created"));
    let quiet = new_endpoint("quiet").with_filter(filter("session.created"));
    store.create(busy, START).await.unwrap();
    store.create(quiet, START).await.unwrap();
    let backlog = ["msg_1", "msg_2", "msg_3", "msg_4"].map(event);
    enqueue(&store, backlog.to_vec(), 0).await;
    enqueue(&store, vec![typed("msg_q", EventType::SessionCreated)], 9).await;

    let leases = store.lease(request(2, 100, 10)).await.unwrap();
    assert_eq!(events_of(&leases), ["msg_1", "msg_q"]);

    enqueue(&store, vec![typed("msg_r", EventType::SessionCreated)], 9).await;
    settle(&store, &leases[1], Outcome::Delivered, 10).await;
    let next = store.lease(request(1, 100, 10)).await.unwrap();
    assert_eq!(
        events_of(&next),
        ["msg_r"],
        "`busy` has a lease, `quiet` has none"
    );
}

/// Contract 5.
pub async fn a_delivery_that_kills_its_workers_fails_in_the_end(store: impl Store) {
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
    assert_eq!(store.attempts(&failed.id).await.unwrap(), []);
}

/// Contract 6.
pub async fn a_lapsed_lease_may_be_settled_until_it_is_taken_over(store: impl Store) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let late = lease_one(&store, 0).await;
    settle(&store, &late, Outcome::Delivered, 5 * LEASE).await;
    assert_eq!(state(&store, "msg_1").await, DeliveryState::Delivered);
}

/// Contract 6.
pub async fn a_lease_that_was_given_up_is_lost(store: impl Store) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1"), event("msg_2")], 0).await;
    let leases = lease(&store, 0).await;
    settle(&store, &leases[0], Outcome::Delivered, 1).await;
    assert_lost(&store, &leases[0], 1).await;
    store.release(&leases[1], at(1)).await.unwrap();
    assert_lost(&store, &leases[1], 1).await;
    let settled = delivery(&store, leases[0].event.as_str()).await;
    assert_eq!(settled.state, DeliveryState::Delivered);
    assert_eq!(store.attempts(&settled.id).await.unwrap().len(), 1);
}

/// Contract 7.
pub async fn attempts_are_logged_and_a_retry_is_due_at_its_time(store: impl Store) {
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

    let attempts = store.attempts(&done.id).await.unwrap();
    let numbers: Vec<_> = attempts.iter().map(|one| one.number.get()).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(attempts[0].report, report(2, 500));
    assert_eq!(attempts[1].report, report(301, 204));
}

/// Contract 7: an attempt without an answer.
pub async fn an_attempt_that_was_never_answered_keeps_its_reason(store: impl Store) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let lease = lease_one(&store, 0).await;
    let report = AttemptReport {
        status: None,
        failure: Some(FailureReason::Timeout),
        response: Bytes::new(),
        ..report(1, 200)
    };
    let settlement = Settlement {
        report: report.clone(),
        outcome: Outcome::Exhausted,
    };
    store.settle(&lease, settlement, at(1)).await.unwrap();
    assert_eq!(state(&store, "msg_1").await, DeliveryState::Failed);
    let attempts = store.attempts(&lease.delivery).await.unwrap();
    assert_eq!(attempts[0].report, report);
}

/// Contract 7: what is kept is bounded.
pub async fn of_a_long_answer_only_the_beginning_is_kept(store: impl Store) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let lease = lease_one(&store, 0).await;
    let report = AttemptReport {
        response: vec![b'x'; MAX_RESPONSE + 1].into(),
        ..report(1, 200)
    };
    let settlement = Settlement {
        report,
        outcome: Outcome::Delivered,
    };
    store.settle(&lease, settlement, at(1)).await.unwrap();
    let attempts = store.attempts(&lease.delivery).await.unwrap();
    assert_eq!(attempts[0].report.response.len(), MAX_RESPONSE);
}

/// Contract 8.
pub async fn an_endpoint_that_is_gone_gets_nothing_more(store: impl Store) {
    let one = endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1"), event("msg_2")], 0).await;
    let lease_ = store.lease(request(1, 100, 0)).await.unwrap().remove(0);
    enqueue(&store, vec![event("msg_3")], 0).await;

    let settled = settle(&store, &lease_, Outcome::Gone, 1).await;

    assert_eq!(settled.disabled, Some(DisabledBecause::Gone));
    let stored = store.get(&one.id).await.unwrap().unwrap();
    let expected = EndpointStatus::Disabled {
        at: at(1),
        because: DisabledBecause::Gone,
    };
    assert_eq!(stored.status, expected);
    assert_eq!(
        state(&store, lease_.event.as_str()).await,
        DeliveryState::Failed
    );
    assert_eq!(state(&store, "msg_3").await, DeliveryState::Cancelled);
    assert!(lease(&store, 9 * LEASE).await.is_empty());
    assert_eq!(store.next_due(NonZeroU16::MIN, at(1)).await.unwrap(), None);
}

/// Contract 8.
pub async fn a_delivery_under_way_when_its_endpoint_is_disabled_is_not_tried_again(
    store: impl Store,
) {
    let one = endpoint(&store, "one").await;
    let ids = ["msg_1", "msg_2", "msg_3", "msg_4"];
    enqueue(&store, ids.map(event).to_vec(), 0).await;
    let mut leases = lease(&store, 0).await;
    leases.sort_by(|a, b| a.event.cmp(&b.event));
    store.disable(&one.id, at(1)).await.unwrap();

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

/// Fails a delivery for good at `secs`.
async fn exhaust(store: &impl Store, id: &str, secs: u64) -> Settled {
    enqueue(store, vec![event(id)], secs).await;
    let lease = lease_one(store, secs).await;
    settle(store, &lease, Outcome::Exhausted, secs).await
}

/// Contract 8.
pub async fn an_endpoint_that_fails_for_five_days_is_disabled(store: impl Store) {
    let one = endpoint(&store, "one").await;
    for (id, day) in [("msg_0", 0), ("msg_1", 1), ("msg_2", 2), ("msg_3", 4)] {
        assert_eq!(exhaust(&store, id, day * DAY).await.disabled, None, "{id}");
    }
    let stored = store.get(&one.id).await.unwrap().unwrap();
    assert_eq!(stored.health, Health::failing(at(0), 4));

    let settled = exhaust(&store, "msg_5", 5 * DAY).await;

    assert_eq!(settled.disabled, Some(DisabledBecause::Failing));
    let stored = store.get(&one.id).await.unwrap().unwrap();
    assert!(!stored.status.is_enabled());
}

/// Contract 8: only a last attempt decides.
pub async fn a_retry_does_not_disable_an_endpoint(store: impl Store) {
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
pub async fn a_success_makes_an_endpoint_healthy(store: impl Store) {
    let one = endpoint(&store, "one").await;
    for day in 0..4 {
        exhaust(&store, &format!("msg_{day}"), day * DAY).await;
    }
    enqueue(&store, vec![event("msg_ok")], 4 * DAY).await;
    let lease = lease_one(&store, 4 * DAY).await;
    settle(&store, &lease, Outcome::Delivered, 4 * DAY).await;
    let stored = store.get(&one.id).await.unwrap().unwrap();
    assert_eq!(stored.health, Health::GOOD);
    assert_eq!(exhaust(&store, "msg_5", 5 * DAY).await.disabled, None);
}

/// Contract 6.
pub async fn an_extended_lease_lives_longer(store: impl Store) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let held = lease_one(&store, 0).await;
    store.extend(&held, at(3 * LEASE)).await.unwrap();
    assert!(lease(&store, 2 * LEASE).await.is_empty());
    settle(&store, &held, Outcome::Delivered, 2 * LEASE).await;
}

/// Contract 9.
pub async fn a_released_delivery_is_due_at_once_and_the_attempt_is_not_counted(store: impl Store) {
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
pub async fn the_next_due_time_is_told(store: impl Store) {
    endpoint(&store, "one").await;
    let next = |cap: u16, secs| store.next_due(NonZeroU16::new(cap).unwrap(), at(secs));
    assert_eq!(next(1, 0).await.unwrap(), None);

    enqueue(&store, vec![event("msg_1")], 0).await;
    enqueue(&store, vec![event("msg_2")], 5).await;
    assert_eq!(next(1, 0).await.unwrap(), Some(at(0)));

    let first = store.lease(request(1, 1, 5)).await.unwrap().remove(0);
    assert_eq!(next(2, 6).await.unwrap(), Some(at(5)));
    let lapse = at(5 + LEASE);
    assert_eq!(next(1, 6).await.unwrap(), Some(lapse), "the cap is reached");

    settle(&store, &first, Outcome::Retry { at: at(300) }, 7).await;
    assert_eq!(next(1, 7).await.unwrap(), Some(at(5)));
    let second = lease_one(&store, 7).await;
    settle(&store, &second, Outcome::Delivered, 8).await;
    assert_eq!(next(1, 8).await.unwrap(), Some(at(300)));
}

/// The listener.
pub async fn storing_and_releasing_are_heard(store: impl Store) {
    endpoint(&store, "one").await;
    let mut listener = store.listen();
    enqueue(&store, vec![event("msg_1")], 0).await;
    listener.heard().await;
    let held = lease_one(&store, 0).await;
    store.release(&held, at(1)).await.unwrap();
    listener.heard().await;
}

/// Contract 3, all at once.
pub async fn workers_that_lease_at_once_share_nothing(store: impl Store) {
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
                    let leases = store.lease(request(3, 100, 0)).await.unwrap();
                    if leases.is_empty() {
                        return mine;
                    }
                    mine.extend(leases.into_iter().map(|lease| lease.delivery));
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

/// Contract 1 and 2, all at once.
pub async fn emitters_that_store_one_key_at_once_store_one_event(store: impl Store) {
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

/// Endpoint contract 1 and 5.
pub async fn endpoints_are_found_by_id_and_listed_oldest_first(store: impl Store) {
    assert!(store.list().await.unwrap().is_empty());
    let one = endpoint(&store, "one").await;
    let filter: EventFilter = "user.*".parse().unwrap();
    let two = new_endpoint("two").with_filter(filter.clone());
    let two = store.create(two, at(1)).await.unwrap();
    assert_ne!(one.id, two.id);

    let found = store.get(&two.id).await.unwrap().unwrap();
    assert_eq!(found.id, two.id);
    assert_eq!(found.url.as_str(), "https://two.example.com/hook?a=b");
    assert_eq!(found.filter, filter);
    assert_eq!(found.scheme, Scheme::standard_webhooks());
    assert_eq!(found.status, EndpointStatus::Enabled);
    assert_eq!((found.health, found.created_at), (Health::GOOD, at(1)));
    found.signer(START).unwrap();

    let listed = store.list().await.unwrap();
    let ids: Vec<_> = listed.into_iter().map(|endpoint| endpoint.id).collect();
    assert_eq!(ids, [one.id, two.id]);
}

/// Absence is an answer.
pub async fn an_endpoint_that_does_not_exist_is_none(store: impl Store) {
    let nobody = crate::id::EndpointId::new("we_nobody").unwrap();
    assert!(store.get(&nobody).await.unwrap().is_none());
    assert!(store.disable(&nobody, at(0)).await.unwrap().is_none());
    assert!(store.enable(&nobody).await.unwrap().is_none());
}

/// Endpoint contract 2.
pub async fn an_endpoint_gets_no_events_from_before_its_time(store: impl Store) {
    enqueue(&store, vec![event("msg_1")], 0).await;
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_2")], 0).await;
    assert_eq!(events_of(&lease(&store, 1).await), ["msg_2"]);
}

/// Endpoint contract 3.
pub async fn disabling_cancels_what_waits_and_happens_once(store: impl Store) {
    let one = endpoint(&store, "one").await;
    let two = endpoint(&store, "two").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let disabled = store.disable(&one.id, at(1)).await.unwrap().unwrap();
    let expected = EndpointStatus::Disabled {
        at: at(1),
        because: DisabledBecause::Operator,
    };
    assert_eq!(disabled.status, expected);
    let again = store.disable(&one.id, at(2)).await.unwrap().unwrap();
    assert_eq!(again.status, expected);

    let leases = lease(&store, 3).await;
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].endpoint.id, two.id);
    let deliveries = store.deliveries(&message("msg_1")).await.unwrap();
    let to_one = deliveries.iter().find(|d| d.endpoint == one.id).unwrap();
    assert_eq!(to_one.state, DeliveryState::Cancelled);
    assert_eq!(to_one.ended_at, Some(at(1)));
}

/// Endpoint contract 4.
pub async fn an_enabled_endpoint_starts_afresh(store: impl Store) {
    let one = endpoint(&store, "one").await;
    exhaust(&store, "msg_1", 0).await;
    enqueue(&store, vec![event("msg_2")], 1).await;
    store.disable(&one.id, at(2)).await.unwrap();
    let enabled = store.enable(&one.id).await.unwrap().unwrap();
    assert_eq!(enabled.status, EndpointStatus::Enabled);
    assert_eq!(enabled.health, Health::GOOD);
    assert!(lease(&store, 3).await.is_empty());
    enqueue(&store, vec![event("msg_3")], 4).await;
    assert_eq!(events_of(&lease(&store, 5).await), ["msg_3"]);
}

/// Endpoint contract 4.
pub async fn enabling_an_enabled_endpoint_keeps_its_health(store: impl Store) {
    let one = endpoint(&store, "one").await;
    exhaust(&store, "msg_1", 7).await;
    let same = store.enable(&one.id).await.unwrap().unwrap();
    assert_eq!(same.health, Health::failing(at(7), 1));
}
