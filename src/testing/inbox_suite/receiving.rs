//! Storing: new and known messages.

use std::time::Duration;

use tokio::task::JoinSet;

use super::{
    DAY, InboxPorts, KEEP, KNOWN, LEASE, NEW, OTHER, START, at, bodies, end, keys, keys_of, lease,
    lease_one, message, receive, record, request, requeue, settle, signed, state, store_new,
    unsigned,
};
use crate::receive::dedupe::{Claimed, Identity};
use crate::receive::inbox::{Failure, InboxEntry, InboxOutcome, MessageState};

/// Contract 1 and 3.
pub async fn a_message_is_stored_with_its_keys_and_due_at_once(store: InboxPorts) {
    let id = store_new(&store, "a", 7).await;
    let expected = InboxEntry {
        id: id.clone(),
        message_id: None,
        state: MessageState::Pending,
        attempts: 0,
        due_at: Some(at(7)),
        received_at: at(7),
        ended_at: None,
        failure: None,
    };
    assert_eq!(record(&store, &id).await, expected);
    assert_eq!(store.other.find(&id).await.unwrap(), None);
    assert_eq!(bodies(&lease(&store, 7).await), ["a"]);
}

/// Contract 2: all share the key of the time and body, some also the key of the id.
pub async fn one_of_many_concurrent_messages_with_a_common_key_is_new(store: InboxPorts) {
    let mut storing = JoinSet::new();
    for number in 0..32 {
        let store = store.clone();
        let id = format!("id_{}", number % 4);
        let keys = keys(unsigned(&id, "body"), Some(START));
        storing.spawn(async move { store.store(message(keys, "body"), START).await });
    }
    let received = storing.join_all().await;
    let received: Vec<_> = received.into_iter().map(Result::unwrap).collect();
    let new = received.iter().filter(|one| **one == NEW).count();
    let known = received.iter().filter(|one| **one == KNOWN).count();
    assert_eq!((new, known), (1, 31), "{received:?}");
    assert_eq!(lease(&store, 0).await.len(), 1);
}

/// Contract 2.
pub async fn a_message_is_known_while_it_waits_is_handled_and_is_finished(store: InboxPorts) {
    let failure = Failure::Error;
    for (id, outcome) in [
        ("a", InboxOutcome::Done),
        ("b", InboxOutcome::Failed { failure }),
    ] {
        assert_eq!(receive(&store, signed(id), 0).await, NEW);
        assert_eq!(receive(&store, signed(id), 1).await, KNOWN);
        let lease = lease_one(&store, 1).await;
        assert_eq!(receive(&store, signed(id), 2).await, KNOWN);
        settle(&store, &lease, outcome, 2).await;
        assert_eq!(receive(&store, signed(id), 3).await, KNOWN);
    }
    assert!(lease(&store, 3 + LEASE).await.is_empty());
}

/// Contract 2.
pub async fn the_same_request_under_another_id_is_known(store: InboxPorts) {
    let sent = |id| message(keys(unsigned(id, "body"), Some(START)), "body");
    assert_eq!(receive(&store, sent("a"), 0).await, NEW);
    assert_eq!(receive(&store, sent("b"), 0).await, KNOWN);
    let later = message(keys(unsigned("a", "body"), Some(at(9))), "body");
    assert_eq!(receive(&store, later, 9).await, KNOWN);
}

/// Contract 2.
pub async fn a_replay_of_a_request_that_was_known_is_known(store: InboxPorts) {
    for (id, outcome) in [
        ("a", None),
        ("b", Some(InboxOutcome::Done)),
        (
            "c",
            Some(InboxOutcome::Failed {
                failure: Failure::Error,
            }),
        ),
    ] {
        let body = format!("body of {id}");
        let sent = |id, secs| message(keys(unsigned(id, &body), Some(at(secs))), &body);
        assert_eq!(receive(&store, sent(id, 0), 0).await, NEW);
        let lease = lease_one(&store, 0).await;
        if let Some(outcome) = outcome {
            settle(&store, &lease, outcome, 1).await;
        }
        for secs in [300, 1800] {
            assert_eq!(receive(&store, sent(id, secs), secs).await, KNOWN);
            for other in ["x", "y"] {
                let replay = sent(other, secs);
                assert_eq!(receive(&store, replay, secs + 300).await, KNOWN, "{id}");
            }
        }
        if outcome.is_none() {
            settle(&store, &lease, InboxOutcome::Done, 1800).await;
        }
    }
}

/// Contract 1 and 2.
pub async fn the_keys_of_known_requests_end_with_their_time(store: InboxPorts) {
    let sent = |id, secs| message(keys(unsigned(id, "body"), Some(at(secs))), "body");
    assert_eq!(receive(&store, sent("a", 0), 0).await, NEW);
    assert_eq!(receive(&store, sent("a", 300), 300).await, KNOWN);
    let lease = lease_one(&store, 300).await;
    settle(&store, &lease, InboxOutcome::Done, 300).await;
    let forgotten = 300 + KEEP;
    assert_eq!(receive(&store, sent("b", 300), forgotten).await, NEW);
    assert_eq!(receive(&store, sent("a", 0), forgotten).await, NEW);
    assert_eq!(receive(&store, sent("c", 300), forgotten).await, KNOWN);
}

/// Contract 1 and 2: a message refused by its second key has not claimed its first.
pub async fn a_known_message_does_not_claim_the_key_that_it_alone_has(store: InboxPorts) {
    let sent = |id, secs| message(keys(unsigned(id, "body"), Some(at(secs))), "body");
    assert_eq!(receive(&store, sent("a", 0), 0).await, NEW);
    assert_eq!(receive(&store, sent("b", 0), 0).await, KNOWN);
    assert_eq!(receive(&store, sent("b", 1), 1).await, NEW);
}

/// Contract 2.
pub async fn another_body_under_an_unsigned_id_is_a_message_of_its_own(store: InboxPorts) {
    let sent = |body| message(keys(unsigned("a", body), Some(START)), body);
    assert_eq!(receive(&store, sent("one"), 0).await, NEW);
    let other = receive(&store, sent("other"), 0).await;
    assert_eq!(other, Claimed::Fresh { other_body: true });
    assert_eq!(bodies(&lease(&store, 0).await), ["one", "other"]);
}

/// Contract 2.
pub async fn another_body_under_a_signed_id_is_known(store: InboxPorts) {
    let sent = |body| message(keys(Identity::Signed("a"), Some(START)), body);
    assert_eq!(receive(&store, sent("one"), 0).await, NEW);
    assert_eq!(receive(&store, sent("other"), 0).await, KNOWN);
    assert_eq!(receive(&store, sent("one"), 0).await, KNOWN);
    assert_eq!(bodies(&lease(&store, 0).await), ["one"]);
}

/// Contract 2 and 4.
pub async fn two_sources_share_neither_keys_nor_work(store: InboxPorts) {
    assert_eq!(receive(&store, signed("a"), 0).await, NEW);
    let keys = keys_of(OTHER, Identity::Signed("a"), Some(START));
    let mut other = message(keys, "of the other");
    other.source = OTHER.into();
    assert_eq!(receive(&store, other, 0).await, NEW);

    assert_eq!(bodies(&lease(&store, 0).await), ["a"]);
    assert_eq!(store.other.next_due(START).await.unwrap(), Some(START));
    let leases = store.other.lease(request(100, 0)).await.unwrap();
    assert_eq!(bodies(&leases), ["of the other"]);
}

/// Contract 2.
pub async fn keys_are_free_when_their_time_ends_and_not_before(store: InboxPorts) {
    let first = end(&store, "a", InboxOutcome::Done, 100).await;
    let just_before = signed("a");
    let received = store.store(
        just_before,
        at(100 + KEEP).saturating_sub(Duration::from_millis(1)),
    );
    assert_eq!(received.await.unwrap(), KNOWN);
    let again = store_new(&store, "a", 100 + KEEP).await;
    assert_eq!(receive(&store, signed("a"), 100 + KEEP).await, KNOWN);
    assert_eq!(state(&store, &first).await, MessageState::Done);
    assert_eq!(state(&store, &again).await, MessageState::Pending);
}

/// Contract 2: a key without an end is no claim of a clock that was ahead.
pub async fn a_message_that_waits_is_known_whatever_the_clock_says(store: InboxPorts) {
    store_new(&store, "a", 90 * DAY).await;
    for secs in [0, 90 * DAY, 900 * DAY] {
        assert_eq!(receive(&store, signed("a"), secs).await, KNOWN);
    }
}

/// Notifications save a worker of the same process a poll.
pub async fn receiving_releasing_and_requeueing_notify_listeners(store: InboxPorts) {
    let mut listener = store.listen();
    let id = store_new(&store, "a", 0).await;
    listener.notified().await;
    let lease = lease_one(&store, 0).await;
    store.release(&lease, START).await.unwrap();
    listener.notified().await;
    let lease = lease_one(&store, 0).await;
    let failure = Failure::Error;
    settle(&store, &lease, InboxOutcome::Failed { failure }, 0).await;
    assert!(requeue(&store, &id, 0).await);
    listener.notified().await;
}
