//! Leases: order, exclusivity, and end.

use std::collections::HashSet;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::lease;
use super::{
    DAY, InboxPorts, LEASE, SOURCE, assert_lost, at, bodies, end, lease_one, receive, record,
    request, settle, signed, state, store_new,
};
use crate::queue::{AttemptNumber, RetryPolicy};
use crate::receive::inbox::{Failure, InboxOutcome, MessageState, StoredRequest};

/// Contract 4 and 5.
pub async fn a_lease_carries_the_request_as_it_was_stored(store: impl InboxPorts) {
    let mut sent = signed("a");
    let every_byte = Bytes::from_iter(0..=255);
    sent.request = StoredRequest::from_stored(every_byte.clone(), every_byte);
    let (id, stored) = (sent.id.clone(), sent.request.clone());
    receive(&store, sent, 0).await;

    let lease = lease_one(&store, 0).await;
    assert_eq!(lease.id, id);
    assert_eq!(lease.attempt, AttemptNumber::FIRST);
    assert_eq!(lease.work, stored);

    let mut empty = signed("b");
    empty.request = StoredRequest::from_stored(Bytes::new(), Bytes::new());
    receive(&store, empty.clone(), 1).await;
    assert_eq!(lease_one(&store, 1).await.work, empty.request);
}

/// Contract 4.
pub async fn a_message_is_not_leased_twice_while_the_lease_lives(store: impl InboxPorts) {
    let id = store_new(&store, "a", 0).await;
    let held = lease_one(&store, 0).await;
    assert!(lease(&store, 0).await.is_empty());
    assert!(lease(&store, LEASE - 1).await.is_empty());
    let found = record(&store, &id).await;
    assert_eq!((found.state, found.attempts), (MessageState::Leased, 1));
    assert_eq!(found.due_at, Some(at(LEASE)));
    settle(&store, &held, InboxOutcome::Done, LEASE - 1).await;
    assert!(lease(&store, 9 * LEASE).await.is_empty());
}

/// Contract 4, 5 and 6.
pub async fn a_lapsed_lease_is_taken_over_with_a_higher_attempt_and_token(store: impl InboxPorts) {
    store_new(&store, "a", 0).await;
    let first = lease_one(&store, 0).await;
    let second = lease_one(&store, LEASE).await;
    assert_eq!(second.id, first.id);
    assert_eq!(second.attempt, first.attempt.next());
    assert!(second.token > first.token);
    assert_lost(&store, &first, LEASE).await;
    settle(&store, &second, InboxOutcome::Done, LEASE).await;
}

/// Contract 4.
pub async fn due_messages_are_leased_earliest_first_and_then_in_order_of_arrival(
    store: impl InboxPorts,
) {
    for (id, secs) in [("late", 8), ("c", 1), ("a", 1), ("b", 1), ("first", 0)] {
        store_new(&store, id, secs).await;
    }
    let mut order = Vec::new();
    for _ in 0..4 {
        order.extend(store.lease(SOURCE, request(1, 8)).await.unwrap());
    }
    assert_eq!(bodies(&order), ["first", "c", "a", "b"]);
    assert_eq!(bodies(&lease(&store, 8).await), ["late"]);
}

/// Contract 4: also within one call.
pub async fn no_more_is_leased_than_asked_for(store: impl InboxPorts) {
    for id in ["a", "b", "c", "d", "e"] {
        store_new(&store, id, 0).await;
    }
    let leases = store.lease(SOURCE, request(3, 0)).await.unwrap();
    assert_eq!(bodies(&leases), ["a", "b", "c"]);
    assert_eq!(bodies(&lease(&store, 0).await), ["d", "e"]);
}

/// Contract 5.
pub async fn a_message_that_kills_its_workers_fails_in_the_end(store: impl InboxPorts) {
    let id = store_new(&store, "a", 0).await;
    for attempt in 0..5 {
        let lease = lease_one(&store, attempt * LEASE).await;
        assert_eq!(u64::from(lease.attempt.get()), attempt + 1);
    }
    assert!(lease(&store, 5 * LEASE).await.is_empty());
    let found = record(&store, &id).await;
    assert_eq!(found.state, MessageState::Failed);
    assert_eq!(found.failure, Some(Failure::Lapsed));
    assert_eq!(found.ended_at, Some(at(5 * LEASE)));
    let next = store.next_due(SOURCE, at(5 * LEASE));
    assert_eq!(next.await.unwrap(), None);
}

/// Contract 4 and 5: failed messages do not take the place of others.
pub async fn a_message_that_kills_its_workers_does_not_hold_up_others(store: impl InboxPorts) {
    for id in ["a", "b"] {
        store_new(&store, id, 0).await;
    }
    for attempt in 0..5 {
        assert_eq!(lease(&store, attempt * LEASE).await.len(), 2);
    }
    store_new(&store, "c", 5 * LEASE).await;
    store_new(&store, "d", 5 * LEASE).await;
    let leases = store.lease(SOURCE, request(1, 5 * LEASE)).await.unwrap();
    assert_eq!(bodies(&leases), ["c"]);
    assert_eq!(bodies(&lease(&store, 5 * LEASE).await), ["d"]);
}

/// Contract 6.
pub async fn a_lapsed_lease_may_be_settled_until_it_is_taken_over(store: impl InboxPorts) {
    let id = store_new(&store, "a", 0).await;
    let lease = lease_one(&store, 0).await;
    settle(&store, &lease, InboxOutcome::Done, 2 * LEASE).await;
    assert_eq!(state(&store, &id).await, MessageState::Done);
}

/// Contract 4.
pub async fn an_extended_lease_lives_longer(store: impl InboxPorts) {
    store_new(&store, "a", 0).await;
    let held = lease_one(&store, 0).await;
    store.extend(&held, at(2 * LEASE)).await.unwrap();
    let next = store.next_due(SOURCE, at(1));
    assert_eq!(next.await.unwrap(), Some(at(2 * LEASE)));
    assert!(lease(&store, 2 * LEASE - 1).await.is_empty());
    lease_one(&store, 2 * LEASE).await;
    assert_lost(&store, &held, 2 * LEASE).await;
}

/// Contract 8.
pub async fn a_released_message_is_due_at_once_and_the_attempt_is_not_counted(
    store: impl InboxPorts,
) {
    let id = store_new(&store, "a", 0).await;
    let first = lease_one(&store, 0).await;
    store.release(&first, at(1)).await.unwrap();
    let found = record(&store, &id).await;
    assert_eq!((found.state, found.attempts), (MessageState::Pending, 0));
    assert_lost(&store, &first, 1).await;
    let second = lease_one(&store, 1).await;
    assert_eq!(second.attempt, AttemptNumber::FIRST);
    assert!(second.token > first.token);
}

/// Contract 9.
pub async fn the_next_due_time_is_returned(store: impl InboxPorts) {
    let next = async || store.next_due(SOURCE, at(5)).await.unwrap();
    assert_eq!(next().await, None);
    store_new(&store, "a", 5).await;
    store_new(&store, "b", 3).await;
    assert_eq!(next().await, Some(at(3)));
    let leases = lease(&store, 5).await;
    assert_eq!(next().await, Some(at(5 + LEASE)));
    let (failure, later) = (Failure::Panic, at(20));
    let retry = InboxOutcome::Retry { at: later, failure };
    settle(&store, &leases[0], retry, 6).await;
    assert_eq!(next().await, Some(later));
    settle(&store, &leases[1], InboxOutcome::Done, 6).await;
    settle(&store, &lease_one(&store, 20).await, InboxOutcome::Done, 20).await;
    assert_eq!(next().await, None);
}

/// Contract 4.
pub async fn workers_that_lease_at_once_share_nothing(store: impl InboxPorts) {
    for number in 0..40 {
        store_new(&store, &number.to_string(), 0).await;
    }
    let mut leasing = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        leasing.spawn(async move { store.lease(SOURCE, request(10, 0)).await.unwrap() });
    }
    let mut leases = leasing.join_all().await.concat();
    // A store may skip messages that others are leasing; none is lost.
    leases.extend(lease(&store, 0).await);
    let ids: HashSet<_> = leases.iter().map(|lease| lease.id.clone()).collect();
    assert_eq!((leases.len(), ids.len()), (40, 40));
    let next = store.next_due(SOURCE, at(0));
    assert_eq!(next.await.unwrap(), Some(at(LEASE)));
}

/// Contract 10.
pub async fn what_a_clock_that_was_ahead_stored_is_due_at_once(store: impl InboxPorts) {
    for ahead in [1, 60, DAY, 400 * DAY] {
        let id = store_new(&store, &ahead.to_string(), ahead).await;
        let next = store.next_due(SOURCE, at(0)).await.unwrap();
        assert!(next.is_some_and(|next| next <= at(0)), "{ahead} s");
        let lease = lease_one(&store, 0).await;
        assert_eq!(lease.id, id, "{ahead} s");
        settle(&store, &lease, InboxOutcome::Done, 0).await;
    }
    let released = store_new(&store, "released", 0).await;
    let lease = lease_one(&store, 0).await;
    store.release(&lease, at(DAY)).await.unwrap();
    assert_eq!(lease_one(&store, 1).await.id, released);
}

/// Contract 10: the store waits as long as a policy can request.
pub async fn a_retry_is_due_at_once_only_beyond_the_longest_wait(store: impl InboxPorts) {
    let id = store_new(&store, "a", 0).await;
    let longest = RetryPolicy::LONGEST_WAIT.as_secs();
    let failure = Failure::Error;
    let first = lease_one(&store, 0).await;
    let retry = |secs| InboxOutcome::Retry {
        at: at(secs),
        failure,
    };
    settle(&store, &first, retry(longest), 0).await;
    assert!(lease(&store, 0).await.is_empty());
    assert!(lease(&store, longest - 1).await.is_empty());
    let second = lease_one(&store, longest).await;
    // By a clock that is a year ahead.
    settle(&store, &second, retry(400 * DAY), 399 * DAY).await;
    let next = store.next_due(SOURCE, at(longest)).await.unwrap();
    assert!(next.is_some_and(|next| next <= at(longest)));
    assert_eq!(lease_one(&store, longest).await.id, id);
}

/// Contract 10.
pub async fn a_lease_of_a_clock_that_was_ahead_ends_after_a_leases_time(store: impl InboxPorts) {
    for ahead in [2 * 3600, DAY, 400 * DAY] {
        store_new(&store, &ahead.to_string(), ahead).await;
        let dead = lease_one(&store, ahead).await;
        assert!(lease(&store, 0).await.is_empty(), "{ahead} s");
        let next = store.next_due(SOURCE, at(0)).await.unwrap();
        assert!(next.is_some_and(|next| next <= at(LEASE)), "{ahead} s");
        let taken_over = lease_one(&store, LEASE).await;
        assert_eq!(taken_over.attempt, dead.attempt.next());
        assert_lost(&store, &dead, LEASE).await;
        settle(&store, &taken_over, InboxOutcome::Done, LEASE).await;
    }
}

/// Contract 4 and 10.
pub async fn a_clock_that_is_set_back_runs_nothing_twice(store: impl InboxPorts) {
    let handled = end(&store, "handled", InboxOutcome::Done, DAY).await;
    let running = store_new(&store, "running", DAY).await;
    let held = lease_one(&store, DAY).await;
    assert!(lease(&store, 0).await.is_empty());
    store.extend(&held, at(LEASE + 30)).await.unwrap();
    assert!(lease(&store, LEASE).await.is_empty());
    settle(&store, &held, InboxOutcome::Done, LEASE).await;
    for secs in [LEASE, DAY, 2 * DAY] {
        assert!(lease(&store, secs).await.is_empty());
    }
    for id in [handled, running] {
        assert_eq!(state(&store, &id).await, MessageState::Done);
    }
}
