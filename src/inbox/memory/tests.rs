use bytes::Bytes;

use super::*;
use crate::dedupe::{Identity, Message, Namer};
use crate::entropy::SystemEntropy;
use crate::inbox::StoredRequest;
use crate::retry::AttemptNumber;

mod conformance {
    crate::testing::inbox_store_tests!(async || (crate::inbox::MemoryInbox::new(), ()));
}

const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);
const WEEK: std::time::Duration = std::time::Duration::from_hours(7 * 24);

fn message(number: usize, bytes: usize) -> NewMessage {
    let id = number.to_string();
    let ticket = Namer::new("crm").ticket(
        0,
        &Message {
            tenant: None,
            identity: Identity::Signed(&id),
            sent_at: None,
            body: b"",
            replayable: WEEK,
        },
    );
    NewMessage {
        id: InboxId::generate(NOW, &SystemEntropy),
        source: "crm".into(),
        ticket,
        request: StoredRequest::from_stored(Bytes::new(), Bytes::from(vec![0; bytes])),
    }
}

async fn handle_one(store: &MemoryInbox) {
    let request = LeaseRequest {
        max: NonZeroU16::MIN,
        max_attempts: AttemptNumber::FIRST,
        now: NOW,
        until: NOW,
    };
    let leases = store.lease("crm", request).await.unwrap();
    store.settle(&leases[0], Outcome::Done, NOW).await.unwrap();
}

#[tokio::test]
async fn a_full_store_refuses_until_something_is_over_and_forgotten() {
    let store = MemoryInbox::within(Bounds {
        messages: 2,
        bytes: usize::MAX,
    });
    for number in 0..2 {
        store.receive(message(number, 1), NOW).await.unwrap();
    }
    let refused = store.receive(message(2, 1), NOW).await;
    assert!(refused.unwrap_err().is_unavailable());
    handle_one(&store).await;
    let refused = store.receive(message(2, 1), NOW).await;
    assert!(refused.unwrap_err().is_unavailable());
    let later = NOW.saturating_add(WEEK);
    store.receive(message(2, 1), later).await.unwrap();
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
