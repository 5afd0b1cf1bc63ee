//! Clocks that were ahead or are set back.

use std::num::NonZeroU16;

use super::{
    DAY, LEASE, OutboxPorts, assert_lost, at, endpoint, enqueue, event, lease, lease_one, settle,
    state,
};
use crate::queue::RetryPolicy;
use crate::send::outbox::{DeliveryState, OutboxStore as _, Outcome};

/// Contract 11.
pub async fn deliveries_of_a_clock_that_was_ahead_are_due_at_once(store: OutboxPorts) {
    endpoint(&store, "one").await;
    let next = || store.next_due(NonZeroU16::MIN, at(0));
    for ahead in [1, 60, DAY, 400 * DAY] {
        let id = format!("msg_{ahead}");
        enqueue(&store, vec![event(&id)], ahead).await;
        assert_eq!(next().await.unwrap(), Some(at(0)), "{ahead} s");
        let lease = lease_one(&store, 0).await;
        assert_eq!(lease.work.event.as_str(), id);
        settle(&store, &lease, Outcome::Delivered, 0).await;
    }
    enqueue(&store, vec![event("released")], 0).await;
    let lease = lease_one(&store, 0).await;
    store.release(&lease, at(DAY)).await.unwrap();
    assert_eq!(lease_one(&store, 1).await.work.event, lease.work.event);
}

/// Contract 11: a wait that a policy can ask for stays.
pub async fn a_retry_is_due_at_once_only_beyond_the_longest_wait(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], 0).await;
    let longest = RetryPolicy::LONGEST_WAIT.as_secs();
    let first = lease_one(&store, 0).await;
    settle(&store, &first, Outcome::Retry { at: at(longest) }, 0).await;
    assert!(lease(&store, 0).await.is_empty());
    assert!(lease(&store, longest - 1).await.is_empty());
    let second = lease_one(&store, longest).await;
    // By a clock that is a year ahead.
    let retry = Outcome::Retry { at: at(400 * DAY) };
    settle(&store, &second, retry, 399 * DAY).await;
    let next = store.next_due(NonZeroU16::MIN, at(longest)).await.unwrap();
    assert!(next.is_some_and(|next| next <= at(longest)));
    lease_one(&store, longest).await;
}

/// Contract 11.
pub async fn a_lease_of_a_clock_that_was_ahead_ends_after_a_leases_time(store: OutboxPorts) {
    endpoint(&store, "one").await;
    for ahead in [2 * 3600, DAY, 400 * DAY] {
        enqueue(&store, vec![event(&format!("msg_{ahead}"))], ahead).await;
        let dead = lease_one(&store, ahead).await;
        assert!(lease(&store, 0).await.is_empty(), "{ahead} s");
        let next = store.next_due(NonZeroU16::MIN, at(0)).await.unwrap();
        assert!(next.is_some_and(|next| next <= at(LEASE)), "{ahead} s");
        let taken_over = lease_one(&store, LEASE).await;
        assert_eq!(taken_over.attempt, dead.attempt.next());
        assert_lost(&store, &dead, LEASE).await;
        settle(&store, &taken_over, Outcome::Delivered, LEASE).await;
    }
}

/// Contract 3 and 11.
pub async fn a_clock_that_is_set_back_runs_nothing_twice(store: OutboxPorts) {
    endpoint(&store, "one").await;
    enqueue(&store, vec![event("msg_1")], DAY).await;
    let first = lease_one(&store, DAY).await;
    settle(&store, &first, Outcome::Delivered, DAY).await;
    enqueue(&store, vec![event("msg_2")], DAY).await;
    let held = lease_one(&store, DAY).await;
    assert!(lease(&store, 0).await.is_empty());
    assert!(lease(&store, LEASE - 1).await.is_empty());
    settle(&store, &held, Outcome::Delivered, LEASE).await;
    for secs in [LEASE, DAY, 2 * DAY] {
        assert!(lease(&store, secs).await.is_empty());
    }
    for id in ["msg_1", "msg_2"] {
        assert_eq!(state(&store, id).await, DeliveryState::Delivered);
    }
}
