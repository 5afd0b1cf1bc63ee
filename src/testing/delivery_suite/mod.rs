//! The conformance suites of [`OutboxStore`](crate::send::outbox::OutboxStore) and
//! [`EndpointStore`](crate::send::outbox::EndpointStore).

pub mod endpoints;
pub mod enqueueing;
pub mod leasing;
mod ports;
pub mod pruning;
mod queue;
pub mod settling;

use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

pub use self::ports::OutboxPorts;
use crate::base::id::MessageId;
use crate::send::outbox::{
    AttemptReport, Delivery, DeliveryLease, DeliveryState, Endpoint, Endpoints, FailureReason,
    IdempotencyKey, Inserted, NewEndpoint, NewEvent, OutboxStore as _, Outcome, Settled,
    Settlement,
};
use crate::testing::clock::ManualClock;
use crate::testing::lease_suite::{DAY, LEASE};
pub use crate::testing::lease_suite::{START, at, request};
use crate::wire::event::EventType;
use crate::wire::scheme::Scheme;

/// Makes one test for each point of the contract of
/// [`OutboxStore`](crate::send::outbox::OutboxStore); the store must also be an
/// [`EndpointStore`](crate::send::outbox::EndpointStore) and a
/// [`DeliveryLog`](crate::send::outbox::DeliveryLog).
///
/// Takes a closure that makes, each time, an empty store and a guard that must outlive it, such as its
/// directory: `async || -> (store, guard)`. A reference to the store becomes an `Outbox`, `Endpoints` and
/// `Deliveries`; for a store of your own, [`OutboxPorts::new`](crate::testing::delivery_suite::OutboxPorts::new)
/// takes them. Put it in a module of its own. Needs `tokio` with `macros` and `rt` beside it.
///
/// ```
/// mod memory {
///     tower_auth_sync::testing::delivery_store_tests!(async || {
///         (tower_auth_sync::outbox::MemoryOutbox::new(), ())
///     });
/// }
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __delivery_store_tests {
    ($make:expr) => {
        $crate::__delivery_store_tests! { @cases $make, enqueueing;
            a_store_that_works_responds_to_a_ping
            an_event_goes_to_each_endpoint_whose_filter_it_passes
            an_event_that_no_endpoint_wants_is_stored_all_the_same
            a_disabled_endpoint_gets_a_skipped_delivery
            storing_an_id_or_a_key_again_changes_nothing
            duplicates_within_one_call_are_found_and_results_keep_the_order
            storing_and_releasing_notify_listeners
            emitters_that_store_one_key_at_once_store_one_event
        }
        $crate::__delivery_store_tests! { @cases $make, leasing;
            a_lease_carries_event_and_endpoint_as_they_were_stored
            no_endpoint_gets_more_live_leases_than_the_limit
            the_next_due_time_counts_the_limit
            an_endpoint_with_a_backlog_does_not_hold_up_another
            attempts_of_workers_that_died_are_not_logged
            what_a_lost_lease_reports_is_not_recorded
        }
        $crate::__lease_tests! { async || {
            let (store, guard) = ($make)().await;
            Some(($crate::testing::delivery_suite::OutboxPorts::of(&store), guard))
        } }
        $crate::__delivery_store_tests! { @cases $make, settling;
            attempts_are_logged_and_a_retry_is_due_at_its_time
            an_attempt_without_a_response_keeps_its_reason
            of_a_long_response_only_the_beginning_is_kept
            an_endpoint_that_is_gone_gets_nothing_more
            a_delivery_under_way_when_its_endpoint_is_disabled_is_not_tried_again
            an_endpoint_that_fails_for_five_days_is_disabled
            a_retry_does_not_disable_an_endpoint
            a_success_makes_an_endpoint_healthy
            an_endpoint_that_asked_for_a_pause_gets_nothing_until_its_end
            of_several_pauses_the_latest_counts
            a_lapsed_lease_is_not_taken_over_during_a_pause
            a_success_ends_a_pause
            a_pause_of_a_clock_that_was_ahead_has_ended
        }
        $crate::__delivery_store_tests! { @cases $make, pruning;
            a_finished_event_is_deleted_with_its_deliveries_attempts_and_key
            an_event_that_finished_lately_is_kept_however_old
            an_unfinished_event_is_kept_however_old
            skipped_cancelled_and_unwanted_events_are_deleted_in_time
            no_more_is_deleted_at_once_than_asked_for
        }
    };
    (@cases $make:expr, $part:ident; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let (store, _guard) = ($make)().await;
                $crate::testing::delivery_suite::$part::$case(
                    $crate::testing::delivery_suite::OutboxPorts::of(&store),
                )
                .await;
            }
        )*
    };
}

/// Makes one test for each point of the contract of
/// [`EndpointStore`](crate::send::outbox::EndpointStore), as
/// [`delivery_store_tests!`](crate::__delivery_store_tests) does for the deliveries.
#[doc(hidden)]
#[macro_export]
macro_rules! __endpoint_store_tests {
    ($make:expr) => {
        $crate::__delivery_store_tests! { @cases $make, endpoints;
            endpoints_are_found_by_id_and_listed_oldest_first
            an_endpoint_that_does_not_exist_is_none
            an_endpoint_gets_no_events_from_before_its_time
            a_change_of_an_endpoint_counts_for_the_next_event
            disabling_cancels_pending_deliveries_and_happens_once
            an_enabled_endpoint_starts_afresh
            enabling_an_enabled_endpoint_keeps_its_health
        }
    };
}

fn event(id: &str) -> NewEvent {
    typed(id, EventType::UserCreated)
}

fn typed(id: &str, event_type: EventType) -> NewEvent {
    NewEvent::new(
        message(id),
        event_type,
        Bytes::from(format!("payload of {id} \u{0}\u{ff}")),
    )
}

fn keyed(id: &str, key: &str) -> NewEvent {
    event(id).with_idempotency_key(IdempotencyKey::new(key).unwrap())
}

fn message(id: &str) -> MessageId {
    MessageId::new(id).unwrap()
}

fn new_endpoint(host: &str) -> NewEndpoint {
    NewEndpoint::new(
        &format!("https://{host}.example.com/hook?a=b"),
        Scheme::standard_webhooks(),
        "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
    )
    .unwrap()
}

/// Registers an endpoint that gets everything.
pub async fn endpoint<S>(store: &S, host: &str) -> Endpoint
where
    for<'s> &'s S: Into<Endpoints>,
{
    let endpoints: Endpoints = store.into();
    let endpoints = endpoints.with_clock(ManualClock::at(START));
    let created = endpoints.create(new_endpoint(host)).await;
    created.unwrap().into_endpoint()
}

async fn enqueue(store: &OutboxPorts, events: Vec<NewEvent>, secs: u64) -> Vec<Inserted> {
    store.enqueue(events, at(secs)).await.unwrap()
}

/// Returns a limit of leases per endpoint.
#[must_use]
pub fn limit(per_endpoint: u16) -> NonZeroU16 {
    NonZeroU16::new(per_endpoint).unwrap()
}

async fn lease(store: &OutboxPorts, secs: u64) -> Vec<DeliveryLease> {
    store.lease(limit(100), request(100, secs)).await.unwrap()
}

async fn lease_one(store: &OutboxPorts, secs: u64) -> DeliveryLease {
    let mut leases = lease(store, secs).await;
    assert_eq!(leases.len(), 1, "one delivery is due at {secs} s");
    leases.remove(0)
}

fn events_of(leases: &[DeliveryLease]) -> Vec<&str> {
    leases
        .iter()
        .map(|lease| lease.work.event.as_str())
        .collect()
}

/// Makes the report of an attempt with a response.
#[must_use]
pub fn report(secs: u64, status: u16) -> AttemptReport {
    let failed = !(200..300).contains(&status);
    let status = StatusCode::from_u16(status).unwrap();
    AttemptReport::new(at(secs), Duration::from_millis(1234))
        .with_response(Some(status), Bytes::from_static(b"response"))
        .with_failure(failed.then_some(FailureReason::Status))
}

async fn settle(
    store: &OutboxPorts,
    lease: &DeliveryLease,
    outcome: Outcome,
    secs: u64,
) -> Settled {
    let status = match outcome {
        Outcome::Delivered => 204,
        Outcome::Retry { .. } | Outcome::Exhausted => 500,
        Outcome::Gone => 410,
    };
    let settlement = Settlement::new(report(secs, status), outcome);
    store.settle(lease, settlement, at(secs)).await.unwrap()
}

async fn delivery(store: &OutboxPorts, event: &str) -> Delivery {
    let mut found = store.of_event(event).await;
    assert_eq!(found.len(), 1, "{event} has one delivery");
    found.remove(0)
}

async fn state(store: &OutboxPorts, event: &str) -> DeliveryState {
    delivery(store, event).await.state
}

/// Fails a delivery for good at `secs`.
async fn exhaust(store: &OutboxPorts, id: &str, secs: u64) -> Settled {
    enqueue(store, vec![event(id)], secs).await;
    let lease = lease_one(store, secs).await;
    settle(store, &lease, Outcome::Exhausted, secs).await
}
