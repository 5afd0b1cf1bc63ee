use std::time::Duration;

use super::*;
use crate::base::entropy::SystemEntropy;
use crate::queue::{AttemptNumber, LeaseRequest};
use crate::receive::dedupe::{Claimed, Identity, Message, Source};
use crate::receive::inbox::entry::Failure;

mod conformance {
    crate::__inbox_store_tests!(async || (crate::receive::inbox::memory::MemoryInbox::new(), ()));
}

const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);
const WEEK: Duration = Duration::from_hours(7 * 24);
const HOLD: Duration = Duration::from_mins(15);
const NEW: Claimed = Claimed::Fresh { other_body: false };

fn message(number: usize, bytes: usize) -> NewMessage {
    let id = number.to_string();
    let keys = Source::new("crm").unwrap().keys(&Message {
        tenant: None,
        identity: Identity::Signed(&id),
        sent_at: None,
        replayable: HOLD,
    });
    NewMessage {
        id: InboxId::generate(NOW, &SystemEntropy),
        source: "crm".into(),
        keys,
        request: StoredRequest::from_stored(Bytes::new(), Bytes::from(vec![0; bytes])),
    }
}

async fn handle_one(store: &MemoryInbox) {
    end_one(store, InboxOutcome::Done).await;
}

async fn end_one(store: &MemoryInbox, outcome: InboxOutcome) {
    let request = LeaseRequest {
        max: NonZeroU16::MIN,
        max_attempts: AttemptNumber::FIRST,
        now: NOW,
        until: NOW,
    };
    let leases = store.lease("crm", request).await.unwrap();
    store.settle(&leases[0], outcome, NOW).await.unwrap();
}

fn bounded(messages: usize, bytes: usize) -> MemoryInbox {
    MemoryInbox::within(Bounds { messages, bytes }, MemoryDedupe::new())
}

async fn receive(store: &MemoryInbox, number: usize, bytes: usize, at: UnixMillis) -> Claimed {
    store.receive(message(number, bytes), at).await.unwrap()
}

async fn assert_full(store: &MemoryInbox, number: usize, bytes: usize, at: UnixMillis) {
    let refused = store.receive(message(number, bytes), at).await;
    assert!(refused.unwrap_err().is_unavailable());
}

#[tokio::test]
async fn a_full_store_refuses_until_something_is_done_and_still_knows_it() {
    let store = bounded(2, usize::MAX);
    for number in 0..2 {
        receive(&store, number, 1, NOW).await;
    }
    assert_full(&store, 2, 1, NOW).await;
    handle_one(&store).await;
    assert_eq!(receive(&store, 2, 1, NOW).await, NEW);
    // One was deleted, one waits, one is new.
    for number in 0..3 {
        assert_eq!(receive(&store, number, 1, NOW).await, Claimed::Done);
    }
    assert_full(&store, 3, 1, NOW).await;
}

#[tokio::test]
async fn a_message_for_which_there_was_no_room_is_new_when_there_is() {
    let store = bounded(1, usize::MAX);
    receive(&store, 0, 1, NOW).await;
    assert_full(&store, 1, 1, NOW).await;
    handle_one(&store).await;
    assert_eq!(receive(&store, 1, 1, NOW).await, NEW);
}

#[tokio::test]
async fn the_message_done_first_makes_room_first_and_a_failed_one_later() {
    let store = bounded(3, usize::MAX);
    let stored = [0, 1, 2].map(|number| message(number, 1));
    let ids = stored.clone().map(|message| message.id);
    for message in stored {
        store.receive(message, NOW).await.unwrap();
    }
    let failure = Failure::Error;
    end_one(&store, InboxOutcome::Failed { failure }).await;
    handle_one(&store).await;
    handle_one(&store).await;
    for (number, left) in [(3, [true, false, true]), (4, [true, false, false])] {
        assert_eq!(receive(&store, number, 1, NOW).await, NEW);
        for (id, left) in ids.iter().zip(left) {
            let found = store.find("crm", id).await.unwrap();
            assert_eq!(found.is_some(), left, "{number}");
        }
    }
    assert_full(&store, 5, 1, NOW).await;
}

#[tokio::test]
async fn a_message_that_failed_makes_room_only_once_its_key_has_ended() {
    let store = bounded(1, usize::MAX);
    receive(&store, 0, 1, NOW).await;
    let failure = Failure::Error;
    end_one(&store, InboxOutcome::Failed { failure }).await;
    let last = NOW.saturating_add(WEEK - Duration::from_millis(1));
    assert_full(&store, 1, 1, last).await;
    let later = NOW.saturating_add(WEEK);
    assert_eq!(receive(&store, 1, 1, later).await, NEW);
}

#[tokio::test]
async fn for_the_bytes_of_another_nothing_is_deleted_in_vain() {
    let store = bounded(usize::MAX, 10);
    let first = message(0, 10);
    let id = first.id.clone();
    store.receive(first, NOW).await.unwrap();
    handle_one(&store).await;
    assert_full(&store, 1, 11, NOW).await;
    assert!(store.find("crm", &id).await.unwrap().is_some());
}

#[tokio::test]
async fn requests_take_room_until_they_are_handled() {
    let store = bounded(usize::MAX, 100);
    receive(&store, 0, 60, NOW).await;
    assert_full(&store, 1, 41, NOW).await;
    receive(&store, 1, 40, NOW).await;
    handle_one(&store).await;
    assert_eq!(receive(&store, 2, 60, NOW).await, NEW);
}

#[tokio::test]
async fn a_requeued_message_has_its_key_without_an_end_and_after_its_end_there_is_no_requeue() {
    let last = NOW
        .saturating_add(WEEK)
        .saturating_sub(Duration::from_millis(1));
    for (requeued_at, is_own) in [(last, true), (NOW.saturating_add(WEEK), false)] {
        let store = MemoryInbox::new();
        let failed = message(0, 1);
        let id = failed.id.clone();
        store.receive(failed, NOW).await.unwrap();
        let failure = Failure::Error;
        end_one(&store, InboxOutcome::Failed { failure }).await;
        let requeued = store
            .requeue("crm", &id, &Actor::system(), requeued_at)
            .await;
        assert_eq!(requeued.unwrap(), is_own);
        let later = requeued_at.saturating_add(WEEK);
        // Each claim forgets keys that have ended.
        for number in 1..100 {
            receive(&store, number, 1, later).await;
        }
        let known = receive(&store, 0, 1, later).await == Claimed::Done;
        assert_eq!(known, is_own);
    }
}

/// Failures of a clock that was ahead count from now.
#[tokio::test]
async fn failures_that_a_clock_that_was_ahead_has_dated_make_room_after_their_week() {
    let store = bounded(1, 100);
    let ahead = NOW.saturating_add(52 * WEEK);
    receive(&store, 0, 1, ahead).await;
    let request = LeaseRequest::new(NonZeroU16::MIN, AttemptNumber::FIRST, ahead, ahead);
    let leases = store.lease("crm", request).await.unwrap();
    let failure = Failure::Error;
    let failed = InboxOutcome::Failed { failure };
    store.settle(&leases[0], failed, ahead).await.unwrap();
    assert_full(&store, 1, 1, NOW).await;
    assert_eq!(receive(&store, 1, 1, NOW.saturating_add(WEEK)).await, NEW);
}
