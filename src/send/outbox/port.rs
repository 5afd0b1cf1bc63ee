//! The ports of events and deliveries.

use std::future::Future;
use std::num::NonZeroU16;

use super::lease::{DeliveryLease, Settled, Settlement};
use super::message::{Inserted, NewEvent};
use crate::base::clock::UnixMillis;
use crate::base::entropy::Entropy;
use crate::base::error::StoreError;
use crate::queue::{LeaseRequest, QueueListener};

/// A queue of deliveries: the emitter's and the worker's port. [`Outbox`](super::handle::Outbox) holds
/// one of any type, and shows one that wraps another.
///
/// ```
/// use std::num::NonZeroU16;
/// use std::time::Duration;
///
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::outbox::{
///     AttemptReport, LeaseRequest, OutboxStore, Outcome, Settlement,
/// };
/// use tower_auth_sync::queue::AttemptNumber;
/// use tower_auth_sync::StoreError;
///
/// /// Makes one attempt at every due delivery, as a worker does.
/// async fn deliver(store: impl OutboxStore, now: UnixMillis) -> Result<(), StoreError> {
///     let (max, until) = (NonZeroU16::MAX, now.saturating_add(Duration::from_secs(60)));
///     let request = LeaseRequest::new(max, AttemptNumber::FIRST, now, until);
///     for lease in store.lease(max, request).await? {
///         // … sign and send `lease.work.payload` to `lease.work.endpoint.url` …
///         let report = AttemptReport::new(now, Duration::from_millis(120));
///         let settlement = Settlement::new(report, Outcome::Delivered);
///         store.settle(&lease, settlement, now).await?;
///     }
///     Ok(())
/// }
/// ```
///
/// # Contract
///
/// 1. [`enqueue`](Self::enqueue) stores all its events or none, each with one delivery per endpoint
///    whose filter it passes: pending and due at once, or skipped if the endpoint is disabled.
/// 2. An event whose id or idempotency key is stored already, also by an earlier event of the same
///    call, changes nothing and is [`Inserted::Duplicate`] with the id of the stored one. The results
///    come in the order of the events.
/// 3. [`lease`](Self::lease) leases deliveries that are due at `now`: pending ones, and those whose
///    lease has lapsed. A delivery never has two live leases.
/// 4. No endpoint gets more than `per_endpoint` live leases. Endpoints with fewer live leases come
///    first, and among those the delivery that has been due for longest; deliveries with the same due
///    time go in the order in which they were stored. Endpoints that are disabled, or
///    [paused](super::health::Health::not_before), get none.
/// 5. Each lease raises the delivery's attempt number by one and gives it a higher token. A delivery
///    whose lease lapsed in attempt `max_attempts` or a later one has failed.
/// 6. [`settle`](Self::settle), [`extend`](Self::extend) and [`release`](Self::release) with a token
///    that is not the delivery's newest, or for a delivery that is not leased, change nothing and
///    fail with [`StoreError::is_lease_lost`].
/// 7. `settle` records the report, the delivery's next state and the endpoint's
///    [health](super::health::Health), its pause included, in one transaction. A success makes the health
///    [good](super::health::Health::GOOD).
/// 8. [`Outcome::Gone`] fails the delivery and disables the endpoint; [`Outcome::Exhausted`] fails
///    it and disables the endpoint if its health says so. Disabling an endpoint cancels its pending
///    deliveries; a leased one is cancelled when its lease is released, lapses, or is settled with
///    [`Outcome::Retry`].
/// 9. `release` makes the delivery due at once and takes the attempt back.
/// 10. [`next_due`](Self::next_due) is never later than the first time at which a `lease` with the
///     same limit would lease something, if nothing else happens.
/// 11. A clock that was ahead for a while leaves nothing stuck: `lease` first corrects dates beyond
///     the longest possible time from `now`. An untried delivery is due at once, whatever its date; a
///     tried one, and an endpoint's pause, end [`RetryPolicy::LONGEST_WAIT`] from `now` at the latest,
///     and at once if they are dated later. A lease that would lapse later than [`LONGEST_LEASE`] from
///     `now` lapses at `until`: if its holder lives, the clock was set back, and the holder has a
///     lease's time to finish.
/// 12. [`prune`](Self::prune) deletes events that were stored before a time and whose deliveries all
///     finished before it. It also deletes these deliveries, their attempts and the idempotency key.
///     One call deletes at most the given number of events; a smaller result means that none is left.
///     Unfinished deliveries stay, however old.
/// 13. After a restart everything that was acknowledged is still there.
///
/// `tower_auth_sync::testing::delivery_store_tests!` checks each point but the last; for an example see
/// [`EndpointStore`](super::endpoint_store::EndpointStore).
///
/// [`RetryPolicy::LONGEST_WAIT`]: crate::queue::RetryPolicy::LONGEST_WAIT
/// [`LONGEST_LEASE`]: crate::queue::LONGEST_LEASE
/// [`Outcome::Retry`]: super::lease::Outcome::Retry
/// [`Outcome::Gone`]: super::lease::Outcome::Gone
/// [`Outcome::Exhausted`]: super::lease::Outcome::Exhausted
pub trait OutboxStore: Send + Sync + 'static {
    /// Checks that the store can be written to.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot.
    fn ping(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores events and their deliveries.
    ///
    /// Dropping the future may leave all of them stored or none.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if nothing was stored, or if that is unknown.
    fn enqueue(
        &self,
        events: Vec<NewEvent>,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Vec<Inserted>, StoreError>> + Send;

    /// Leases deliveries that are due. No endpoint gets more than `per_endpoint` live leases, those of
    /// other workers included.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn lease(
        &self,
        per_endpoint: NonZeroU16,
        request: LeaseRequest,
    ) -> impl Future<Output = Result<Vec<DeliveryLease>, StoreError>> + Send;

    /// Records the attempt under `lease` and ends the lease.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_lease_lost`] if another worker has the delivery or it is finished; another
    /// [`StoreError`] if the store fails.
    fn settle(
        &self,
        lease: &DeliveryLease,
        settlement: Settlement,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Settled, StoreError>> + Send;

    /// Moves the end of `lease` to `until`.
    ///
    /// # Errors
    ///
    /// As for [`settle`](Self::settle).
    fn extend(
        &self,
        lease: &DeliveryLease,
        until: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends `lease` without an attempt, for a worker that shuts down.
    ///
    /// # Errors
    ///
    /// As for [`settle`](Self::settle).
    fn release(
        &self,
        lease: &DeliveryLease,
        now: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns the time from which the next delivery can be leased, which may be in the past; `None`
    /// without any.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn next_due(
        &self,
        per_endpoint: NonZeroU16,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Option<UnixMillis>, StoreError>> + Send;

    /// Deletes up to `max` events that finished before `before`, and returns their number.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn prune(
        &self,
        before: UnixMillis,
        max: NonZeroU16,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Begins to listen for deliveries that this handle and its clones make due.
    ///
    /// A hint that saves waiting: other processes and
    /// [`emit_in`](super::emitter::Emitter::emit_in) do not notify, so a worker also polls from time to
    /// time.
    fn listen(&self) -> QueueListener;
}

/// A connection whose transaction stores events: the caller's change and its events become durable
/// together, or not at all.
///
/// The stores' adapters implement it for their drivers' connections.
///
/// ```
/// # #[cfg(feature = "sqlite")] {
/// use tower_auth_sync::event::{AuthEvent, User};
/// use tower_auth_sync::outbox::{EmitError, Emitter, OutboxConnection};
///
/// async fn sign_up(
///     emitter: &Emitter,
///     transaction: &mut impl OutboxConnection,
/// ) -> Result<(), EmitError> {
///     // The caller's own statements use the same transaction.
///     let user = User::new("usr_1");
///     emitter.emit_in(transaction, AuthEvent::user_created(&user)).await?;
///     Ok(())
/// }
/// # }
/// ```
pub trait OutboxConnection: Send {
    /// Stores events and their deliveries as [`OutboxStore::enqueue`] does, as a part of the
    /// transaction that is open on this connection.
    ///
    /// After an error the transaction holds nothing of this call, and can go on.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn enqueue(
        &mut self,
        events: Vec<NewEvent>,
        now: UnixMillis,
        entropy: &dyn Entropy,
    ) -> impl Future<Output = Result<Vec<Inserted>, StoreError>> + Send;
}
