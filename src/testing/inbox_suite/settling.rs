//! Leased requests, and the outcomes of runs.

use bytes::Bytes;
use http::StatusCode;

use super::{
    InboxPorts, LEASE, assert_lost, at, end, lease, lease_one, receive, record, requeue, settle,
    signed, store_new,
};
use crate::queue::AttemptNumber;
use crate::queue::LeaseToken;
use crate::receive::inbox::{Failure, InboxLease, InboxOutcome, MessageState, StoredRequest};

const TEAPOT: Failure = Failure::Status(StatusCode::IM_A_TEAPOT);

/// Contract 4 and 5.
pub async fn a_lease_carries_the_request_as_it_was_stored(store: InboxPorts) {
    let mut sent = signed("a");
    let every_byte = Bytes::from_iter(0..=255);
    sent.request = StoredRequest::from_stored(every_byte.clone(), every_byte);
    let (id, stored) = (sent.id.clone(), sent.request.clone());
    receive(&store, sent, 0).await;

    let lease = lease_one(&store, 0).await;
    assert_eq!(lease.id, id);
    assert_eq!(lease.work, stored);
    assert_eq!(record(&store, &id).await.due_at, Some(at(LEASE)));

    let mut empty = signed("b");
    empty.request = StoredRequest::from_stored(Bytes::new(), Bytes::new());
    receive(&store, empty.clone(), 1).await;
    assert_eq!(lease_one(&store, 1).await.work, empty.request);
}

/// Contract 5.
pub async fn a_message_that_kills_its_workers_has_lapsed(store: InboxPorts) {
    let id = store_new(&store, "a", 0).await;
    for attempt in 0..5 {
        lease_one(&store, attempt * LEASE).await;
    }
    assert!(lease(&store, 5 * LEASE).await.is_empty());
    let found = record(&store, &id).await;
    assert_eq!(found.state, MessageState::Failed);
    assert_eq!(found.failure, Some(Failure::Lapsed));
}

/// Contract 7.
pub async fn a_message_that_was_handled_is_finished_and_its_request_erased(store: InboxPorts) {
    let id = store_new(&store, "a", 0).await;
    let first = lease_one(&store, 0).await;
    let retry = InboxOutcome::Retry {
        at: at(5),
        failure: TEAPOT,
    };
    settle(&store, &first, retry, 1).await;
    settle(&store, &lease_one(&store, 5).await, InboxOutcome::Done, 6).await;
    let found = record(&store, &id).await;
    assert_eq!((found.state, found.attempts), (MessageState::Done, 2));
    assert_eq!((found.due_at, found.ended_at), (None, Some(at(6))));
    assert_eq!(found.failure, None);
    assert!(lease(&store, 9 * LEASE).await.is_empty());
    assert!(!requeue(&store, &id, 7).await);
}

/// Contract 4 and 5.
pub async fn a_retry_is_due_at_its_time_and_its_failure_is_recorded(store: InboxPorts) {
    let id = store_new(&store, "a", 0).await;
    let first = lease_one(&store, 0).await;
    let retry = InboxOutcome::Retry {
        at: at(30),
        failure: TEAPOT,
    };
    settle(&store, &first, retry, 1).await;
    let found = record(&store, &id).await;
    assert_eq!((found.state, found.attempts), (MessageState::Pending, 1));
    assert_eq!(found.failure, Some(TEAPOT));
    assert_eq!(found.due_at, Some(at(30)));
    assert!(lease(&store, 29).await.is_empty());
    let second = lease_one(&store, 30).await;
    assert_eq!(second.attempt, AttemptNumber::FIRST.next());
    assert_eq!(second.work, first.work);
}

/// Contract 7.
pub async fn a_message_that_failed_is_finished_and_its_request_kept(store: InboxPorts) {
    for failure in [TEAPOT, Failure::Error, Failure::Panic, Failure::Timeout] {
        let id = end(
            &store,
            &failure.to_string(),
            InboxOutcome::Failed { failure },
            0,
        )
        .await;
        let found = record(&store, &id).await;
        assert_eq!(found.state, MessageState::Failed);
        assert_eq!(found.failure, Some(failure));
        assert_eq!((found.due_at, found.ended_at), (None, Some(at(0))));
        assert!(requeue(&store, &id, 1).await);
        let lease = lease_one(&store, 1).await;
        assert_eq!(lease.work.head(), signed("a").request.head());
        settle(&store, &lease, InboxOutcome::Done, 1).await;
    }
}

/// Contract 6.
pub async fn a_lease_of_a_message_that_is_not_there_is_lost(store: InboxPorts) {
    let never_stored = signed("a");
    let lease = InboxLease {
        id: never_stored.id,
        token: LeaseToken::new(1),
        attempt: AttemptNumber::FIRST,
        work: never_stored.request,
    };
    assert_lost(&store, &lease, 0).await;
    let unreal = InboxLease {
        token: LeaseToken::new(u64::MAX),
        ..lease
    };
    assert_lost(&store, &unreal, 0).await;
}
