//! Deletes finished messages after their retention.

use std::num::NonZeroU16;

use super::{
    DAY, InboxPorts, KEEP, KNOWN, NEW, START, WINDOW, at, end, keys, lease_one, message, receive,
    record, requeue, settle, signed, store_new,
};
use crate::receive::dedupe::Identity;
use crate::receive::inbox::{Failure, InboxOutcome};

const FAILED: InboxOutcome = InboxOutcome::Failed {
    failure: Failure::Error,
};

async fn prune(store: &InboxPorts, before: u64) -> usize {
    let max = NonZeroU16::new(100).unwrap();
    store.prune(at(before), max).await.unwrap()
}

/// Contract 11.
pub async fn what_finished_long_ago_is_deleted(store: InboxPorts) {
    let done = end(&store, "done", InboxOutcome::Done, 10).await;
    let failed = end(&store, "failed", FAILED, 10).await;
    assert_eq!(prune(&store, 10).await, 0);
    assert_eq!(prune(&store, 11).await, 2);
    for id in [done, failed] {
        assert_eq!(store.find(&id).await.unwrap(), None);
        assert!(!requeue(&store, &id, 11).await);
    }
}

/// Contract 2 and 11.
pub async fn a_deleted_message_is_known_until_its_key_ends(store: InboxPorts) {
    end(&store, "a", InboxOutcome::Done, 0).await;
    // Its only key is its time, for as long as a replay is possible.
    let short = || message(keys(Identity::unsigned(None, "b"), Some(START)), "b");
    receive(&store, short(), 0).await;
    settle(&store, &lease_one(&store, 0).await, InboxOutcome::Done, 0).await;
    assert_eq!(prune(&store, 1).await, 2);

    assert_eq!(receive(&store, short(), WINDOW - 1).await, KNOWN);
    assert_eq!(receive(&store, short(), WINDOW).await, NEW);
    assert_eq!(receive(&store, signed("a"), KEEP - 1).await, KNOWN);
    assert_eq!(receive(&store, signed("a"), KEEP).await, NEW);
}

/// Contract 2 and 11: the key belongs to the later message.
pub async fn deleting_a_message_frees_no_key_of_another(store: InboxPorts) {
    end(&store, "a", InboxOutcome::Done, 0).await;
    let later = store_new(&store, "a", KEEP).await;
    assert_eq!(prune(&store, 1).await, 1);
    assert_eq!(receive(&store, signed("a"), 90 * DAY).await, KNOWN);
    assert_eq!(lease_one(&store, KEEP).await.id, later);
}

/// Contract 11.
pub async fn what_waits_or_ended_lately_is_kept_however_old(store: InboxPorts) {
    let id = store_new(&store, "a", 0).await;
    assert_eq!(prune(&store, 90 * DAY).await, 0);
    let lease = lease_one(&store, 90 * DAY).await;
    assert_eq!(prune(&store, 90 * DAY).await, 0);
    settle(&store, &lease, InboxOutcome::Done, 90 * DAY).await;
    assert_eq!(prune(&store, 90 * DAY).await, 0);
    record(&store, &id).await;
}

/// Contract 11.
pub async fn of_another_source_nothing_is_deleted(store: InboxPorts) {
    end(&store, "a", InboxOutcome::Done, 0).await;
    let pruned = store.other.prune(at(DAY), NonZeroU16::MAX).await;
    assert_eq!(pruned.unwrap(), 0);
    assert_eq!(prune(&store, DAY).await, 1);
}

/// Contract 11.
pub async fn no_more_is_deleted_at_once_than_asked_for(store: InboxPorts) {
    for number in 0..5 {
        end(&store, &number.to_string(), InboxOutcome::Done, 0).await;
    }
    let two = NonZeroU16::new(2).unwrap();
    let mut batches = Vec::new();
    for _ in 0..4 {
        batches.push(store.prune(at(DAY), two).await.unwrap());
    }
    assert_eq!(batches, [2, 2, 1, 0]);
}
