//! The conformance suite of [`InboxStore`] and [`InboxLog`].

pub mod leasing;
pub mod log;
pub mod pruning;
pub mod receiving;
pub mod settling;

use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;

use crate::base::clock::UnixMillis;
use crate::base::entropy::SystemEntropy;
use crate::base::id::InboxId;
use crate::queue::{AttemptNumber, LeaseRequest};
use crate::receive::dedupe::{Claimed, DedupeKeys, Identity, KeyDeriver, Message};
use crate::receive::inbox::{
    InboxEntry, InboxLease, InboxLog, InboxOutcome, InboxStore, MessageState, NewMessage,
    StoredRequest,
};

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
        $crate::__inbox_store_tests! { @cases $make, leasing;
            a_lease_carries_the_request_as_it_was_stored
            a_message_is_not_leased_twice_while_the_lease_lives
            a_lapsed_lease_is_taken_over_with_a_higher_attempt_and_token
            due_messages_are_leased_earliest_first_and_then_in_order_of_arrival
            no_more_is_leased_than_asked_for
            a_message_that_kills_its_workers_fails_in_the_end
            a_message_that_kills_its_workers_does_not_hold_up_others
            a_lapsed_lease_may_be_settled_until_it_is_taken_over
            an_extended_lease_lives_longer
            a_released_message_is_due_at_once_and_the_attempt_is_not_counted
            the_next_due_time_is_returned
            workers_that_lease_at_once_share_nothing
            what_a_clock_that_was_ahead_stored_is_due_at_once
            a_retry_is_due_at_once_only_beyond_the_longest_wait
            a_lease_of_a_clock_that_was_ahead_ends_after_a_leases_time
            a_clock_that_is_set_back_runs_nothing_twice
        }
        $crate::__inbox_store_tests! { @cases $make, settling;
            a_message_that_was_handled_is_finished_and_its_request_erased
            a_retry_is_due_at_its_time_and_its_failure_is_recorded
            a_message_that_failed_is_finished_and_its_request_kept
            a_lease_that_was_given_up_is_lost
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
                    $crate::testing::inbox_suite::$part::$case(store).await;
                }
            }
        )*
    };
}

/// Both ports of one store.
pub trait InboxPorts: InboxStore + InboxLog + Clone {}

impl<S: InboxStore + InboxLog + Clone> InboxPorts for S {}

/// Start of the tests.
pub const START: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);

/// Returns the time `secs` seconds after [`START`].
#[must_use]
pub const fn at(secs: u64) -> UnixMillis {
    UnixMillis::from_millis(START.as_millis() + secs * 1000)
}

const DAY: u64 = 24 * 3600;

/// Duration of a lease, in seconds.
const LEASE: u64 = 60;

/// Time for which keys are claimed after the end, in seconds.
const KEEP: u64 = 7 * DAY;

/// Replay window, in seconds.
const WINDOW: u64 = 900;

const SOURCE: &str = "suite";

fn keys(identity: Identity<'_>, sent_at: Option<UnixMillis>, body: &str) -> DedupeKeys {
    keys_of(SOURCE, identity, sent_at, body)
}

fn keys_of(
    source: &str,
    identity: Identity<'_>,
    sent_at: Option<UnixMillis>,
    body: &str,
) -> DedupeKeys {
    let message = Message {
        tenant: None,
        identity,
        sent_at,
        body: body.as_bytes(),
        replayable: Duration::from_secs(WINDOW),
    };
    KeyDeriver::new(source).derive(0, &message)
}

fn unsigned(id: &str) -> Identity<'_> {
    Identity::Unsigned(Some(id))
}

/// A message whose id is its only key.
fn signed(id: &str) -> NewMessage {
    message(keys(Identity::Signed(id), Some(START), id), id)
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

async fn receive(store: &impl InboxPorts, message: NewMessage, secs: u64) -> Claimed {
    store.receive(message, at(secs)).await.unwrap()
}

/// Stores a new message and returns its id in the inbox.
pub(crate) async fn store_new(store: &impl InboxPorts, id: &str, secs: u64) -> InboxId {
    let message = signed(id);
    let stored = message.id.clone();
    assert_eq!(receive(store, message, secs).await, NEW);
    stored
}

fn request(max: u16, secs: u64) -> LeaseRequest {
    LeaseRequest {
        max: NonZeroU16::new(max).unwrap(),
        max_attempts: AttemptNumber::new(5).unwrap(),
        now: at(secs),
        until: at(secs + LEASE),
    }
}

async fn lease(store: &impl InboxPorts, secs: u64) -> Vec<InboxLease> {
    store.lease(SOURCE, request(100, secs)).await.unwrap()
}

async fn lease_one(store: &impl InboxPorts, secs: u64) -> InboxLease {
    let mut leases = lease(store, secs).await;
    assert_eq!(leases.len(), 1, "one message is due at {secs} s");
    leases.remove(0)
}

fn bodies(leases: &[InboxLease]) -> Vec<&str> {
    let bodies = leases.iter().map(|lease| &lease.work.body()[..]);
    bodies
        .map(|body| std::str::from_utf8(body).unwrap())
        .collect()
}

async fn settle(store: &impl InboxPorts, lease: &InboxLease, outcome: InboxOutcome, secs: u64) {
    store.settle(lease, outcome, at(secs)).await.unwrap();
}

async fn record(store: &impl InboxPorts, id: &InboxId) -> InboxEntry {
    let found = store.find(SOURCE, id).await.unwrap();
    found.expect("the message is there")
}

async fn state(store: &impl InboxPorts, id: &InboxId) -> MessageState {
    record(store, id).await.state
}

/// Stores a message and settles it with `outcome`, all at `secs`.
async fn end(store: &impl InboxPorts, id: &str, outcome: InboxOutcome, secs: u64) -> InboxId {
    let stored = store_new(store, id, secs).await;
    let lease = lease_one(store, secs).await;
    settle(store, &lease, outcome, secs).await;
    stored
}

async fn assert_lost(store: &impl InboxPorts, lease: &InboxLease, secs: u64) {
    let settled = store.settle(lease, InboxOutcome::Done, at(secs)).await;
    assert!(settled.unwrap_err().is_lease_lost());
    let extended = store.extend(lease, at(secs + 999)).await;
    assert!(extended.unwrap_err().is_lease_lost());
    let released = store.release(lease, at(secs)).await;
    assert!(released.unwrap_err().is_lease_lost());
}
