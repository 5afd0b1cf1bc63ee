use std::time::Duration;

use super::*;
use crate::base::entropy::SystemEntropy;
use crate::queue::{AttemptNumber, LeaseRequest};
use crate::receive::dedupe::{Claimed, Identity, KeyDeriver, Message};
use crate::receive::inbox::entry::Failure;

mod conformance {
    crate::__inbox_store_tests!(async || (crate::receive::inbox::memory::MemoryInbox::new(), ()));
}

const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);
const WEEK: Duration = Duration::from_hours(7 * 24);
const HOLD: Duration = Duration::from_mins(15);

fn message(number: usize, bytes: usize) -> NewMessage {
    let id = number.to_string();
    let keys = KeyDeriver::new("crm").derive(
        0,
        &Message {
            tenant: None,
            identity: Identity::Signed(&id),
            sent_at: None,
            body: b"",
            replayable: HOLD,
        },
    );
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

#[tokio::test]
async fn a_full_store_refuses_until_something_that_was_handled_can_no_longer_be_replayed() {
    let store = MemoryInbox::within(Bounds {
        messages: 2,
        bytes: usize::MAX,
    });
    for number in 0..2 {
        store.receive(message(number, 1), NOW).await.unwrap();
    }
    let later = NOW.saturating_add(HOLD);
    let refused = store.receive(message(2, 1), later).await;
    assert!(refused.unwrap_err().is_unavailable());
    handle_one(&store).await;
    let sooner = later.saturating_sub(Duration::from_millis(1));
    let refused = store.receive(message(2, 1), sooner).await;
    assert!(refused.unwrap_err().is_unavailable());
    store.receive(message(2, 1), later).await.unwrap();
    // The one that waits is still known.
    let known = store.receive(message(1, 1), later).await.unwrap();
    assert_eq!(known, Claimed::Done);
}

#[tokio::test]
async fn a_message_that_failed_makes_room_only_once_it_is_forgotten() {
    let store = MemoryInbox::within(Bounds {
        messages: 1,
        bytes: usize::MAX,
    });
    store.receive(message(0, 1), NOW).await.unwrap();
    let failure = Failure::Error;
    end_one(&store, InboxOutcome::Failed { failure }).await;
    let last = NOW.saturating_add(WEEK - Duration::from_millis(1));
    let refused = store.receive(message(1, 1), last).await;
    assert!(refused.unwrap_err().is_unavailable());
    let later = NOW.saturating_add(WEEK);
    store.receive(message(1, 1), later).await.unwrap();
}

#[tokio::test]
async fn for_the_bytes_of_another_nothing_is_forgotten_too_soon() {
    let store = MemoryInbox::within(Bounds {
        messages: usize::MAX,
        bytes: 10,
    });
    store.receive(message(0, 10), NOW).await.unwrap();
    handle_one(&store).await;
    let later = NOW.saturating_add(HOLD);
    let refused = store.receive(message(1, 11), later).await;
    assert!(refused.unwrap_err().is_unavailable());
    let known = store.receive(message(0, 10), later).await.unwrap();
    assert_eq!(known, Claimed::Done);
}

#[tokio::test]
async fn requests_take_room_until_they_are_handled() {
    let store = MemoryInbox::within(Bounds {
        messages: usize::MAX,
        bytes: 100,
    });
    store.receive(message(0, 60), NOW).await.unwrap();
    let refused = store.receive(message(1, 41), NOW).await;
    assert!(refused.unwrap_err().is_unavailable());
    store.receive(message(1, 40), NOW).await.unwrap();
    handle_one(&store).await;
    store.receive(message(2, 60), NOW).await.unwrap();
}
