//! The lease points that the contracts of [`OutboxStore`](crate::send::outbox::OutboxStore) and
//! [`InboxStore`](crate::receive::inbox::InboxStore) share. The macros of their suites run it.

mod clocks;
mod ends;
mod leasing;

use std::fmt::Debug;
use std::future::Future;
use std::hash::Hash;
use std::num::NonZeroU16;

use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{AttemptNumber, Lease, LeaseRequest};

pub use self::clocks::*;
pub use self::ends::*;
pub use self::leasing::*;

/// Makes one test for each point. Takes a closure that makes an empty [`LeasedQueue`] and its guard
/// each time; `None` skips the test.
#[doc(hidden)]
#[macro_export]
macro_rules! __lease_tests {
    ($make:expr) => {
        $crate::__lease_tests! { @cases $make;
            work_is_not_leased_twice_while_the_lease_lives
            each_lease_has_a_higher_attempt_and_token
            work_is_leased_earliest_first_and_then_in_the_order_of_storing
            no_more_is_leased_than_asked_for
            the_next_due_time_is_returned
            workers_that_lease_at_once_share_nothing
            a_lapsed_lease_is_taken_over_and_its_holder_has_lost_it
            a_lapsed_lease_may_be_settled_until_it_is_taken_over
            a_lease_that_was_given_up_is_lost
            an_extended_lease_lives_longer
            released_work_is_due_at_once_and_the_attempt_is_not_counted
            work_that_kills_its_workers_fails_in_the_end
            work_that_kills_its_workers_does_not_hold_up_other_work
            work_of_a_clock_that_was_ahead_is_due_at_once
            a_retry_is_due_at_once_only_beyond_the_longest_wait
            a_lease_of_a_clock_that_was_ahead_ends_after_a_leases_time
            a_clock_that_is_set_back_runs_nothing_twice
        }
    };
    (@cases $make:expr; $($case:ident)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                if let Some((queue, _guard)) = ($make)().await {
                    $crate::testing::lease_suite::$case(queue).await;
                }
            }
        )*
    };
}

/// A queue as its workers see it. Clones share the work.
pub trait LeasedQueue: Clone + Send + Sync + 'static {
    type Id: Clone + Debug + Eq + Hash + Send + Sync;
    type Work: Clone + Debug + Send + Sync;

    /// Stores work under a name.
    fn add(&self, name: &str, now: UnixMillis) -> impl Future<Output = ()> + Send;

    /// Returns the name of the leased work.
    fn name(lease: &LeaseOf<Self>) -> &str;

    fn lease(&self, request: LeaseRequest) -> impl Future<Output = Vec<LeaseOf<Self>>> + Send;

    fn settle(
        &self,
        lease: &LeaseOf<Self>,
        end: End,
        now: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    fn extend(
        &self,
        lease: &LeaseOf<Self>,
        until: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    fn release(
        &self,
        lease: &LeaseOf<Self>,
        now: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    fn next_due(&self, now: UnixMillis) -> impl Future<Output = Option<UnixMillis>> + Send;

    /// Returns what the store has of the work now, whoever has leased it.
    fn unit(&self, lease: &LeaseOf<Self>) -> impl Future<Output = Unit> + Send;
}

/// The lease of a queue.
pub type LeaseOf<Q> = Lease<<Q as LeasedQueue>::Id, <Q as LeasedQueue>::Work>;

/// The end of a lease.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub enum End {
    Done,
    RetryAt(UnixMillis),
    Failed,
}

/// One unit of work in a store.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unit {
    pub state: UnitState,
    pub attempts: u32,
    pub due_at: Option<UnixMillis>,
    pub ended_at: Option<UnixMillis>,
}

#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UnitState {
    Pending,
    Leased,
    Done,
    Failed,
}

/// Start of the tests.
pub const START: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);

/// Returns the time `secs` seconds after [`START`].
#[must_use]
pub const fn at(secs: u64) -> UnixMillis {
    UnixMillis::from_millis(START.as_millis() + secs * 1000)
}

/// A day, in seconds.
pub(super) const DAY: u64 = 24 * 3600;

/// Duration of a lease, in seconds.
pub(super) const LEASE: u64 = 60;

/// Makes a request for leases at `secs` that lapse after a minute, in five attempts at most.
#[must_use]
pub fn request(max: u16, secs: u64) -> LeaseRequest {
    LeaseRequest::new(
        NonZeroU16::new(max).unwrap(),
        AttemptNumber::new(5).unwrap(),
        at(secs),
        at(secs + LEASE),
    )
}

async fn lease<Q: LeasedQueue>(queue: &Q, secs: u64) -> Vec<LeaseOf<Q>> {
    queue.lease(request(100, secs)).await
}

async fn lease_one<Q: LeasedQueue>(queue: &Q, secs: u64) -> LeaseOf<Q> {
    let mut leases = lease(queue, secs).await;
    assert_eq!(leases.len(), 1, "one unit is due at {secs} s");
    leases.remove(0)
}

/// Stores work and leases it, all at `secs`.
async fn add_and_lease<Q: LeasedQueue>(queue: &Q, name: &str, secs: u64) -> LeaseOf<Q> {
    queue.add(name, at(secs)).await;
    lease_one(queue, secs).await
}

fn names<Q: LeasedQueue>(leases: &[LeaseOf<Q>]) -> Vec<&str> {
    leases.iter().map(Q::name).collect()
}

async fn settle<Q: LeasedQueue>(queue: &Q, lease: &LeaseOf<Q>, end: End, secs: u64) {
    queue.settle(lease, end, at(secs)).await.unwrap();
}

async fn state<Q: LeasedQueue>(queue: &Q, lease: &LeaseOf<Q>) -> UnitState {
    queue.unit(lease).await.state
}

/// Asserts that the holder of `lease` can change nothing.
async fn assert_lost<Q: LeasedQueue>(queue: &Q, lease: &LeaseOf<Q>, secs: u64) {
    let before = queue.unit(lease).await;
    for end in [End::Done, End::RetryAt(at(secs + 1)), End::Failed] {
        let settled = queue.settle(lease, end, at(secs)).await;
        assert!(settled.unwrap_err().is_lease_lost());
    }
    let extended = queue.extend(lease, at(secs + 999)).await;
    assert!(extended.unwrap_err().is_lease_lost());
    let released = queue.release(lease, at(secs)).await;
    assert!(released.unwrap_err().is_lease_lost());
    assert_eq!(queue.unit(lease).await, before);
}
