//! The operator's view and actions.

use std::num::NonZeroU16;

use super::{
    InboxPorts, KEEP, KNOWN, LEASE, at, end, lease_one, receive, record, requeue, settle, signed,
    store_new,
};
use crate::base::entropy::SystemEntropy;
use crate::base::id::InboxId;
use crate::queue::AttemptNumber;
use crate::receive::inbox::{Failure, InboxOutcome, MessageState};

const FAILED: InboxOutcome = InboxOutcome::Failed {
    failure: Failure::Error,
};

/// Contract 1.
pub async fn failed_messages_are_listed_page_by_page_in_order_of_arrival(store: InboxPorts) {
    let mut failed = Vec::new();
    for number in 0..5 {
        failed.push(end(&store, &format!("bad_{number}"), FAILED, 0).await);
        end(&store, &format!("good_{number}"), InboxOutcome::Done, 0).await;
    }
    store_new(&store, "waiting", 0).await;
    // Messages of one millisecond have only the order of their ids.
    failed.sort();
    let mut listed = Vec::new();
    loop {
        let max = NonZeroU16::new(2).unwrap();
        let page = store.failed(listed.last(), max).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 2);
        listed.extend(page.into_iter().map(|record| record.id));
    }
    assert_eq!(listed, failed);
    let others = store.other.failed(None, NonZeroU16::MAX).await;
    assert_eq!(others.unwrap(), []);
}

/// Contract 2.
pub async fn a_requeued_message_is_handled_as_if_it_were_new(store: InboxPorts) {
    let id = store_new(&store, "a", 0).await;
    let first = lease_one(&store, 0).await;
    let second = lease_one(&store, LEASE).await;
    settle(&store, &second, FAILED, LEASE).await;

    assert!(requeue(&store, &id, 100).await);
    let found = record(&store, &id).await;
    assert_eq!((found.state, found.attempts), (MessageState::Pending, 0));
    assert_eq!((found.due_at, found.ended_at), (Some(at(100)), None));
    assert_eq!(receive(&store, signed("a"), 100).await, KNOWN);
    let third = lease_one(&store, 100).await;
    assert_eq!(third.attempt, AttemptNumber::FIRST);
    assert!(third.token > second.token);
    assert_eq!(third.work, first.work);
    settle(&store, &third, InboxOutcome::Done, 101).await;
}

/// Contract 2: two messages never have the same keys.
pub async fn a_failed_message_whose_keys_another_has_is_not_requeued(store: InboxPorts) {
    let failed = end(&store, "a", FAILED, 0).await;
    let later = store_new(&store, "a", KEEP).await;
    assert!(!requeue(&store, &failed, KEEP).await);
    assert_eq!(record(&store, &failed).await.state, MessageState::Failed);
    assert_eq!(lease_one(&store, KEEP).await.id, later);
}

/// Contract 2.
pub async fn only_failed_messages_of_the_source_are_requeued(store: InboxPorts) {
    let done = end(&store, "done", InboxOutcome::Done, 0).await;
    let failed = end(&store, "failed", FAILED, 0).await;
    let pending = store_new(&store, "pending", 9).await;
    let unknown = InboxId::generate(at(0), &SystemEntropy);
    for id in [&done, &pending, &unknown] {
        assert!(!requeue(&store, id, 1).await);
    }
    assert!(!requeue(&store.other, &failed, 1).await);
    assert_eq!(record(&store, &done).await.state, MessageState::Done);
    assert_eq!(record(&store, &failed).await.state, MessageState::Failed);
    assert_eq!(record(&store, &pending).await.due_at, Some(at(9)));
    assert_eq!(lease_one(&store, 9).await.id, pending);
}
