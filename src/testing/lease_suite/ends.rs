//! How leases end: settled, released, extended, lapsed.

use super::{
    End, LEASE, LeasedQueue, UnitState, add_and_lease, assert_lost, at, lease, lease_one, names,
    request, settle, state,
};

pub async fn a_lapsed_lease_is_taken_over_and_its_holder_has_lost_it(queue: impl LeasedQueue) {
    let first = add_and_lease(&queue, "a", 0).await;
    let second = lease_one(&queue, LEASE).await;
    assert_lost(&queue, &first, LEASE).await;
    settle(&queue, &second, End::Done, LEASE).await;
    assert_lost(&queue, &first, LEASE).await;
}

pub async fn a_lapsed_lease_may_be_settled_until_it_is_taken_over(queue: impl LeasedQueue) {
    let late = add_and_lease(&queue, "a", 0).await;
    settle(&queue, &late, End::Done, 5 * LEASE).await;
    assert_eq!(state(&queue, &late).await, UnitState::Done);
    assert!(lease(&queue, 5 * LEASE).await.is_empty());
}

pub async fn a_lease_that_was_given_up_is_lost(queue: impl LeasedQueue) {
    let ends = [End::Done, End::RetryAt(at(9)), End::Failed];
    for (name, end) in ["a", "b", "c"].into_iter().zip(ends) {
        let settled = add_and_lease(&queue, name, 0).await;
        settle(&queue, &settled, end, 1).await;
        assert_lost(&queue, &settled, 2).await;
    }
    let released = add_and_lease(&queue, "d", 2).await;
    queue.release(&released, at(3)).await.unwrap();
    assert_lost(&queue, &released, 3).await;
}

pub async fn an_extended_lease_lives_longer(queue: impl LeasedQueue) {
    let held = add_and_lease(&queue, "a", 0).await;
    queue.extend(&held, at(2 * LEASE)).await.unwrap();
    assert_eq!(queue.next_due(at(1)).await, Some(at(2 * LEASE)));
    assert!(lease(&queue, 2 * LEASE - 1).await.is_empty());
    lease_one(&queue, 2 * LEASE).await;
    assert_lost(&queue, &held, 2 * LEASE).await;
}

pub async fn released_work_is_due_at_once_and_the_attempt_is_not_counted(queue: impl LeasedQueue) {
    let first = add_and_lease(&queue, "a", 0).await;
    queue.release(&first, at(1)).await.unwrap();
    let unit = queue.unit(&first).await;
    assert_eq!((unit.state, unit.attempts), (UnitState::Pending, 0));
    let second = lease_one(&queue, 1).await;
    assert_eq!(second.attempt, first.attempt);
    assert!(second.token > first.token);
    assert_lost(&queue, &first, 1).await;
}

pub async fn work_that_kills_its_workers_fails_in_the_end(queue: impl LeasedQueue) {
    queue.add("a", at(0)).await;
    let mut last = None;
    for attempt in 0..5 {
        let lease = lease_one(&queue, attempt * LEASE).await;
        assert_eq!(u64::from(lease.attempt.get()), attempt + 1);
        last = Some(lease);
    }
    let last = last.unwrap();
    assert!(lease(&queue, 5 * LEASE).await.is_empty());
    let unit = queue.unit(&last).await;
    assert_eq!((unit.state, unit.attempts), (UnitState::Failed, 5));
    assert_eq!(unit.ended_at, Some(at(5 * LEASE)));
    assert_eq!(queue.next_due(at(5 * LEASE)).await, None);
    assert_lost(&queue, &last, 5 * LEASE).await;
}

/// What failed by that does not take the place of other work.
pub async fn work_that_kills_its_workers_does_not_hold_up_other_work<Q: LeasedQueue>(queue: Q) {
    for name in ["a", "b"] {
        queue.add(name, at(0)).await;
    }
    for attempt in 0..5 {
        assert_eq!(lease(&queue, attempt * LEASE).await.len(), 2);
    }
    for name in ["c", "d"] {
        queue.add(name, at(5 * LEASE)).await;
    }
    let leases = queue.lease(request(1, 5 * LEASE)).await;
    assert_eq!(names::<Q>(&leases), ["c"]);
    assert_eq!(names::<Q>(&lease(&queue, 5 * LEASE).await), ["d"]);
}
