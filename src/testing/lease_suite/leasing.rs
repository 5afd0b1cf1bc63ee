//! What is leased, in which order, and when.

use std::collections::HashSet;

use tokio::task::JoinSet;

use super::{
    End, LEASE, LeasedQueue, UnitState, add_and_lease, at, lease, lease_one, names, request,
    settle, state,
};
use crate::queue::AttemptNumber;

pub async fn work_is_not_leased_twice_while_the_lease_lives(queue: impl LeasedQueue) {
    let held = add_and_lease(&queue, "a", 0).await;
    assert!(lease(&queue, 0).await.is_empty());
    assert!(lease(&queue, LEASE - 1).await.is_empty());
    let unit = queue.unit(&held).await;
    assert_eq!((unit.state, unit.attempts), (UnitState::Leased, 1));
    settle(&queue, &held, End::Done, LEASE - 1).await;
    assert_eq!(state(&queue, &held).await, UnitState::Done);
    assert!(lease(&queue, 9 * LEASE).await.is_empty());
}

pub async fn each_lease_has_a_higher_attempt_and_token(queue: impl LeasedQueue) {
    let mut last = add_and_lease(&queue, "a", 0).await;
    assert_eq!(last.attempt, AttemptNumber::FIRST);
    let mut secs = 0;
    for lapses in [false, true, false, true] {
        secs += LEASE;
        if !lapses {
            settle(&queue, &last, End::RetryAt(at(secs)), secs - LEASE).await;
        }
        let next = lease_one(&queue, secs).await;
        assert_eq!(next.id, last.id);
        assert_eq!(next.attempt, last.attempt.next());
        assert!(next.token > last.token);
        last = next;
    }
}

pub async fn work_is_leased_earliest_first_and_then_in_the_order_of_storing<Q: LeasedQueue>(
    queue: Q,
) {
    for (name, secs) in [("late", 8), ("c", 1), ("a", 1), ("b", 1), ("first", 0)] {
        queue.add(name, at(secs)).await;
    }
    let mut order = Vec::new();
    for _ in 0..4 {
        order.extend(queue.lease(request(1, 8)).await);
    }
    assert_eq!(names::<Q>(&order), ["first", "c", "a", "b"]);
    assert_eq!(names::<Q>(&lease(&queue, 8).await), ["late"]);
}

/// Also within one call.
pub async fn no_more_is_leased_than_asked_for<Q: LeasedQueue>(queue: Q) {
    for name in ["c", "a", "e", "b", "d"] {
        queue.add(name, at(0)).await;
    }
    let leases = queue.lease(request(3, 0)).await;
    assert_eq!(names::<Q>(&leases), ["c", "a", "e"]);
    assert_eq!(names::<Q>(&lease(&queue, 0).await), ["b", "d"]);
}

/// Never late, and not so early that a worker would lease for nothing.
pub async fn the_next_due_time_is_returned(queue: impl LeasedQueue) {
    let next = async || queue.next_due(at(5)).await;
    assert_eq!(next().await, None);
    queue.add("a", at(5)).await;
    queue.add("b", at(3)).await;
    assert_eq!(next().await, Some(at(3)));
    let leases = lease(&queue, 5).await;
    assert_eq!(next().await, Some(at(5 + LEASE)));
    settle(&queue, &leases[0], End::RetryAt(at(20)), 6).await;
    assert_eq!(next().await, Some(at(20)));
    settle(&queue, &leases[1], End::Done, 6).await;
    settle(&queue, &lease_one(&queue, 20).await, End::Failed, 20).await;
    assert_eq!(next().await, None);
}

pub async fn workers_that_lease_at_once_share_nothing(queue: impl LeasedQueue) {
    for number in 0..40 {
        queue.add(&format!("unit_{number}"), at(0)).await;
    }
    let mut leasing = JoinSet::new();
    for _ in 0..8 {
        let queue = queue.clone();
        leasing.spawn(async move {
            let mut mine = Vec::new();
            for _ in 0..3 {
                mine.extend(queue.lease(request(3, 0)).await);
            }
            mine
        });
    }
    let mut leases = leasing.join_all().await.concat();
    // A store may skip work that others are leasing; none is lost.
    leases.extend(lease(&queue, 0).await);
    let ids: HashSet<_> = leases.iter().map(|lease| lease.id.clone()).collect();
    assert_eq!((leases.len(), ids.len()), (40, 40));
    assert_eq!(queue.next_due(at(0)).await, Some(at(LEASE)));
}
