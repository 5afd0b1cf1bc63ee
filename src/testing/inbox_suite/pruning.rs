//! Deletes finished messages after their retention.

use std::num::NonZeroU16;
use std::time::Duration;

use super::{
    DAY, InboxPorts, KEEP, SOURCE, START, WINDOW, at, end, keys, lease_one, message, receive,
    record, settle, store_new,
};
use crate::receive::dedupe::Identity;
use crate::receive::inbox::{Failure, InboxOutcome};

const FAILED: InboxOutcome = InboxOutcome::Failed {
    failure: Failure::Error,
};

async fn prune(store: &impl InboxPorts, before: u64, now: u64) -> usize {
    let max = NonZeroU16::new(100).unwrap();
    let pruned = store.prune(SOURCE, at(before), at(now), max).await;
    pruned.unwrap()
}

/// Contract 11.
pub async fn what_finished_long_ago_is_deleted_with_its_keys(store: impl InboxPorts) {
    let done = end(&store, "done", InboxOutcome::Done, 10).await;
    let failed = end(&store, "failed", FAILED, 10).await;
    assert_eq!(prune(&store, 10, 90 * DAY).await, 0);
    assert_eq!(prune(&store, 11, 90 * DAY).await, 2);
    for id in [done, failed] {
        assert_eq!(store.find(SOURCE, &id).await.unwrap(), None);
        assert!(!store.requeue(SOURCE, &id, at(11)).await.unwrap());
    }
    // By a clock that is behind, both would be unfinished: they are new only if their keys are gone.
    store_new(&store, "done", 11).await;
    store_new(&store, "failed", 11).await;
}

/// Contract 2 and 11.
pub async fn what_finished_is_kept_while_its_keys_are_claimed(store: impl InboxPorts) {
    let id = end(&store, "a", InboxOutcome::Done, 0).await;
    let last = at(KEEP).saturating_sub(Duration::from_millis(1));
    let max = NonZeroU16::MAX;
    let pruned = store.prune(SOURCE, at(KEEP), last, max).await;
    assert_eq!(pruned.unwrap(), 0);
    record(&store, &id).await;
    assert_eq!(prune(&store, KEEP, KEEP).await, 1);

    // Its only key is its time, for as long as a replay is possible.
    let anonymous = Identity::Unsigned(None);
    let short = message(keys(anonymous, Some(START), "b"), "b");
    receive(&store, short, 0).await;
    settle(&store, &lease_one(&store, 0).await, InboxOutcome::Done, 0).await;
    assert_eq!(prune(&store, KEEP, WINDOW - 1).await, 0);
    assert_eq!(prune(&store, KEEP, WINDOW).await, 1);
}

/// Contract 11.
pub async fn what_waits_or_ended_lately_is_kept_however_old(store: impl InboxPorts) {
    let id = store_new(&store, "a", 0).await;
    assert_eq!(prune(&store, 90 * DAY, 90 * DAY).await, 0);
    let lease = lease_one(&store, 90 * DAY).await;
    assert_eq!(prune(&store, 90 * DAY, 90 * DAY).await, 0);
    settle(&store, &lease, InboxOutcome::Done, 90 * DAY).await;
    assert_eq!(prune(&store, 90 * DAY, 99 * DAY).await, 0);
    record(&store, &id).await;
}

/// Contract 11.
pub async fn of_another_source_nothing_is_deleted(store: impl InboxPorts) {
    end(&store, "a", InboxOutcome::Done, 0).await;
    let far = at(90 * DAY);
    let pruned = store.prune("other", far, far, NonZeroU16::MAX).await;
    assert_eq!(pruned.unwrap(), 0);
    assert_eq!(prune(&store, 90 * DAY, 90 * DAY).await, 1);
}

/// Contract 11.
pub async fn no_more_is_deleted_at_once_than_asked_for(store: impl InboxPorts) {
    for number in 0..5 {
        end(&store, &number.to_string(), InboxOutcome::Done, 0).await;
    }
    let far = at(90 * DAY);
    let two = NonZeroU16::new(2).unwrap();
    let mut batches = Vec::new();
    for _ in 0..4 {
        batches.push(store.prune(SOURCE, far, far, two).await.unwrap());
    }
    assert_eq!(batches, [2, 2, 1, 0]);
}
