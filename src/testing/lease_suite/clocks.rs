//! Clocks that were ahead or are set back.

use super::{
    DAY, End, LEASE, LeasedQueue, UnitState, add_and_lease, assert_lost, at, lease, lease_one,
    settle, state,
};
use crate::queue::RetryPolicy;

pub async fn work_of_a_clock_that_was_ahead_is_due_at_once<Q: LeasedQueue>(queue: Q) {
    for ahead in [1, 60, DAY, 400 * DAY] {
        let name = format!("{ahead}_s");
        queue.add(&name, at(ahead)).await;
        let next = queue.next_due(at(0)).await;
        assert!(next.is_some_and(|next| next <= at(0)), "{name}");
        let lease = lease_one(&queue, 0).await;
        assert_eq!(Q::name(&lease), name);
        settle(&queue, &lease, End::Done, 0).await;
    }
    let lease = add_and_lease(&queue, "released", 0).await;
    queue.release(&lease, at(DAY)).await.unwrap();
    assert_eq!(lease_one(&queue, 1).await.id, lease.id);
}

/// A wait that a policy can request stays.
pub async fn a_retry_is_due_at_once_only_beyond_the_longest_wait(queue: impl LeasedQueue) {
    let longest = RetryPolicy::LONGEST_WAIT.as_secs();
    let first = add_and_lease(&queue, "a", 0).await;
    settle(&queue, &first, End::RetryAt(at(longest)), 0).await;
    assert!(lease(&queue, 0).await.is_empty());
    assert!(lease(&queue, longest - 1).await.is_empty());
    let second = lease_one(&queue, longest).await;
    // By a clock that is a year ahead.
    let retry = End::RetryAt(at(400 * DAY));
    settle(&queue, &second, retry, 399 * DAY).await;
    let next = queue.next_due(at(longest)).await;
    assert!(next.is_some_and(|next| next <= at(longest)));
    assert_eq!(lease_one(&queue, longest).await.id, first.id);
}

pub async fn a_lease_of_a_clock_that_was_ahead_ends_after_a_leases_time(queue: impl LeasedQueue) {
    for ahead in [2 * 3600, DAY, 400 * DAY] {
        let dead = add_and_lease(&queue, &format!("{ahead}_s"), ahead).await;
        assert!(lease(&queue, 0).await.is_empty(), "{ahead} s");
        let next = queue.next_due(at(0)).await;
        assert!(next.is_some_and(|next| next <= at(LEASE)), "{ahead} s");
        let taken_over = lease_one(&queue, LEASE).await;
        assert_eq!(taken_over.attempt, dead.attempt.next());
        assert_lost(&queue, &dead, LEASE).await;
        settle(&queue, &taken_over, End::Done, LEASE).await;
    }
}

pub async fn a_clock_that_is_set_back_runs_nothing_twice(queue: impl LeasedQueue) {
    let done = add_and_lease(&queue, "done", DAY).await;
    settle(&queue, &done, End::Done, DAY).await;
    let held = add_and_lease(&queue, "running", DAY).await;
    assert!(lease(&queue, 0).await.is_empty());
    assert!(lease(&queue, LEASE - 1).await.is_empty());
    queue.extend(&held, at(LEASE + 30)).await.unwrap();
    assert!(lease(&queue, LEASE).await.is_empty());
    settle(&queue, &held, End::Done, LEASE).await;
    for secs in [LEASE, DAY, 2 * DAY] {
        assert!(lease(&queue, secs).await.is_empty());
    }
    for lease in [done, held] {
        assert_eq!(state(&queue, &lease).await, UnitState::Done);
    }
}
