//! The conformance suite of [`InboxStore`] and [`InboxLog`].

pub mod log;
pub mod pruning;
mod queue;
pub mod receiving;
pub mod settling;

use std::ops::Deref;
use std::time::Duration;

use bytes::Bytes;

use crate::base::clock::UnixMillis;
use crate::base::entropy::SystemEntropy;
use crate::base::id::InboxId;
use crate::receive::dedupe::{Claimed, DedupeKeys, Identity, Message, Source};
use crate::receive::inbox::{
    Inbox, InboxEntry, InboxLease, InboxLog, InboxOutcome, InboxStore, MessageState, NewMessage,
    StoredRequest,
};
use crate::testing::clock::ManualClock;
pub use crate::testing::lease_suite::at;
use crate::testing::lease_suite::{DAY, LEASE, START, request};

/// Makes one test for each point of the contracts of [`InboxStore`](crate::receive::inbox::InboxStore) and
/// [`InboxLog`](crate::receive::inbox::InboxLog).
///
/// Takes a closure that makes, each time, an empty store and whatever has to outlive it, such as its
/// directory: `async || -> (impl InboxStore + InboxLog + Clone, Guard)`. Put it in a module of its own.
/// Needs `tokio` with `macros` and `rt` beside it.
///
/// ```
/// mod memory {
///     tower_auth_sync::testing::inbox_store_tests!(async || {
///         (tower_auth_sync::inbox::MemoryInbox::new(), ())
///     });
/// }
/// ```
///
/// With `optional` before it the closure may return `None`, where there is no server to connect to;
/// the tests then pass without having run: let it print that, and fail where a server must be.
#[doc(hidden)]
#[macro_export]
macro_rules! __inbox_store_tests {
    (optional $make:expr) => {
        $crate::__inbox_store_tests! { @all $make }
    };
    ($make:expr) => {
        $crate::__inbox_store_tests! { @all async || Some(($make)().await) }
    };
    (@all $make:expr) => {
        $crate::__inbox_store_tests! { @cases $make, receiving;
            a_message_is_stored_with_its_keys_and_due_at_once
            one_of_many_concurrent_messages_with_a_common_key_is_new
            a_message_is_known_while_it_waits_is_handled_and_is_finished
            the_same_request_under_another_id_is_known
            a_known_message_does_not_claim_the_key_that_it_alone_has
            a_replay_of_a_request_that_was_known_is_known
            the_keys_of_known_requests_end_with_their_time
            another_body_under_an_unsigned_id_is_a_message_of_its_own
            another_body_under_a_signed_id_is_known
            two_sources_share_neither_keys_nor_work
            keys_are_free_when_their_time_ends_and_not_before
            a_message_that_waits_is_known_whatever_the_clock_says
            receiving_releasing_and_requeueing_notify_listeners
        }
        $crate::__lease_tests! { async || {
            let (store, guard) = ($make)().await?;
            Some(($crate::testing::inbox_suite::InboxPorts::from(store), guard))
        } }
        $crate::__inbox_store_tests! { @cases $make, settling;
            a_lease_carries_the_request_as_it_was_stored
            a_message_that_kills_its_workers_has_lapsed
            a_message_that_was_handled_is_finished_and_its_request_erased
            a_retry_is_due_at_its_time_and_its_failure_is_recorded
            a_message_that_failed_is_finished_and_its_request_kept
            a_lease_of_a_message_that_is_not_there_is_lost
        }
        $crate::__inbox_store_tests! { @cases $make, log;
            failed_messages_are_listed_page_by_page_in_order_of_arrival
            a_requeued_message_is_handled_as_if_it_were_new
            a_failed_message_whose_keys_another_has_is_not_requeued
            only_failed_messages_of_the_source_are_requeued
        }
        $crate::__inbox_store_tests! { @cases $make, pruning;
            what_finished_long_ago_is_deleted
            a_deleted_message_is_known_until_its_key_ends
            deleting_a_message_frees_no_key_of_another
            what_waits_or_ended_lately_is_kept_however_old
            of_another_source_nothing_is_deleted
            no_more_is_deleted_at_once_than_asked_for
        }
    };
    (@cases $make:expr, $part:ident; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                if let Some((store, _guard)) = ($make)().await {
                    $crate::testing::inbox_suite::$part::$case(store.into()).await;
                }
            }
        )*
    };
}

/// The handles of one store, for two sources; an [`Inbox`] of the first by itself.
#[derive(Clone, Debug)]
pub struct InboxPorts {
    inbox: Inbox,
    other: Inbox,
}

impl<S: InboxStore + InboxLog + Clone> From<S> for InboxPorts {
    fn from(store: S) -> Self {
        Self::bound(|source| Inbox::new(store.clone(), source).unwrap())
    }
}

impl InboxPorts {
    /// Makes the handles of a store with `bind`, which binds one to a source.
    pub(crate) fn bound(bind: impl Fn(&str) -> Inbox) -> Self {
        let [inbox, other] = [SOURCE, OTHER].map(bind);
        Self { inbox, other }
    }
}

impl Deref for InboxPorts {
    type Target = Inbox;

    fn deref(&self) -> &Inbox {
        &self.inbox
    }
}

/// Time for which keys are claimed after the end, in seconds.
const KEEP: u64 = 7 * DAY;

/// Replay window, in seconds.
const WINDOW: u64 = 900;

const SOURCE: &str = "suite";
const OTHER: &str = "other";

fn keys(identity: Identity<'_>, sent_at: Option<UnixMillis>) -> DedupeKeys {
    keys_of(SOURCE, identity, sent_at)
}

fn keys_of(source: &str, identity: Identity<'_>, sent_at: Option<UnixMillis>) -> DedupeKeys {
    let message = Message {
        tenant: None,
        identity,
        sent_at,
        replayable: Duration::from_secs(WINDOW),
    };
    Source::new(source).unwrap().keys(&message)
}

fn unsigned<'a>(id: &'a str, body: &'a str) -> Identity<'a> {
    Identity::unsigned(Some(id), body)
}

/// A message whose id is its only key.
fn signed(id: &str) -> NewMessage {
    message(keys(Identity::Signed(id), Some(START)), id)
}

fn message(keys: DedupeKeys, body: &str) -> NewMessage {
    NewMessage {
        id: InboxId::generate(START, &SystemEntropy),
        source: SOURCE.into(),
        keys,
        request: StoredRequest::from_stored(
            Bytes::from_static(b"head \0\xff\n"),
            Bytes::copy_from_slice(body.as_bytes()),
        ),
    }
}

const NEW: Claimed = Claimed::Fresh { other_body: false };
const KNOWN: Claimed = Claimed::Done;

async fn receive(inbox: &Inbox, message: NewMessage, secs: u64) -> Claimed {
    inbox.store(message, at(secs)).await.unwrap()
}

/// Stores a new message and returns its id in the inbox.
pub(crate) async fn store_new<S>(store: &S, id: &str, secs: u64) -> InboxId
where
    S: Clone + Into<InboxPorts>,
{
    store_new_at(&store.clone().into(), id, at(secs)).await
}

async fn store_new_at(inbox: &Inbox, id: &str, now: UnixMillis) -> InboxId {
    let message = signed(id);
    let stored = message.id.clone();
    assert_eq!(inbox.store(message, now).await.unwrap(), NEW);
    stored
}

async fn lease(inbox: &Inbox, secs: u64) -> Vec<InboxLease> {
    inbox.lease(request(100, secs)).await.unwrap()
}

async fn lease_one(inbox: &Inbox, secs: u64) -> InboxLease {
    let mut leases = lease(inbox, secs).await;
    assert_eq!(leases.len(), 1, "one message is due at {secs} s");
    leases.remove(0)
}

fn bodies(leases: &[InboxLease]) -> Vec<&str> {
    let bodies = leases.iter().map(|lease| &lease.work.body()[..]);
    bodies
        .map(|body| std::str::from_utf8(body).unwrap())
        .collect()
}

async fn settle(inbox: &Inbox, lease: &InboxLease, outcome: InboxOutcome, secs: u64) {
    inbox.settle(lease, outcome, at(secs)).await.unwrap();
}

async fn record(inbox: &Inbox, id: &InboxId) -> InboxEntry {
    let found = inbox.find(id).await.unwrap();
    found.expect("the message is there")
}

/// Requeues a message at `secs`, and returns whether it was a failed one with its key.
async fn requeue(inbox: &Inbox, id: &InboxId, secs: u64) -> bool {
    let inbox = inbox.clone().with_clock(ManualClock::at(at(secs)));
    inbox.requeue(id).await.unwrap()
}

async fn state(inbox: &Inbox, id: &InboxId) -> MessageState {
    record(inbox, id).await.state
}

/// Stores a message and settles it with `outcome`, all at `secs`.
async fn end(inbox: &Inbox, id: &str, outcome: InboxOutcome, secs: u64) -> InboxId {
    let stored = store_new_at(inbox, id, at(secs)).await;
    let lease = lease_one(inbox, secs).await;
    settle(inbox, &lease, outcome, secs).await;
    stored
}

async fn assert_lost(inbox: &Inbox, lease: &InboxLease, secs: u64) {
    let settled = inbox.settle(lease, InboxOutcome::Done, at(secs)).await;
    assert!(settled.unwrap_err().is_lease_lost());
    let extended = inbox.extend(lease, at(secs + 999)).await;
    assert!(extended.unwrap_err().is_lease_lost());
    let released = inbox.release(lease, at(secs)).await;
    assert!(released.unwrap_err().is_lease_lost());
}
