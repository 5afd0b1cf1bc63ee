//! What a store of events, endpoints and deliveries has to do.

use std::future::Future;
use std::num::NonZeroU16;

use super::endpoint::{Endpoint, NewEndpoint};
use super::lease::{Lease, LeaseRequest, Settled, Settlement};
use super::message::{Inserted, NewEvent};
use super::record::{Attempt, Delivery};
use crate::base::clock::UnixMillis;
use crate::base::entropy::Entropy;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, EndpointId, MessageId};
use crate::queue::QueueListener;

/// Where deliveries wait, are worked on, and end: the emitter's and the worker's half.
///
/// # Contract
///
/// 1. [`enqueue`](Self::enqueue) stores all its events or none, each with one delivery per endpoint
///    whose filter it passes: pending and due at once, or skipped if the endpoint is disabled.
/// 2. An event whose id or idempotency key is stored already, also by an earlier event of the same
///    call, changes nothing and is [`Inserted::Duplicate`] with the id of the one that is there.
///    The answers come in the order of the events.
/// 3. [`lease`](Self::lease) hands out deliveries that are due at `now`: pending ones, and leased
///    ones whose lease has passed its end. A delivery is never in two leases that both live.
/// 4. No endpoint gets more than `per_endpoint` living leases. Endpoints with fewer living leases
///    come first, and among those the delivery that has been due for longest; what is due since
///    the same time goes in the order in which it was stored. Endpoints that are disabled, or want
///    nothing [yet](super::health::Health::not_before), get none.
/// 5. Each lease raises the delivery's attempt number by one and gives it a higher token. A lease
///    that lapsed in attempt `max_attempts` or a later one is not renewed: the delivery has failed.
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
///     same cap would hand something out, if nothing else happens.
/// 11. A clock that was ahead for a while leaves nothing stuck: `lease` first dates anew what lies
///     beyond the longest possible time from `now`. A delivery that was never tried is due at once,
///     whatever its date; one that was tried, and an endpoint's pause, end
///     [`RetryPolicy::LONGEST_WAIT`] from `now` at the latest and are over if they are dated later.
///     A lease that is to end later than [`LONGEST_LEASE`] from `now` ends at `until`: if its holder
///     lives, it was the clock that was set back, and the holder has a lease's time to finish.
/// 12. [`prune`](Self::prune) deletes events that were stored before a time and whose deliveries
///     have all ended before it, with these deliveries, their attempts and the idempotency key: no
///     more than asked for, and all of them if it is called until it answers with fewer. What is
///     still to be delivered stays, however old.
/// 13. Whatever was acknowledged is there after a restart.
///
/// `tower_auth_sync::__delivery_store_tests!` checks each point but the last.
///
/// [`RetryPolicy::LONGEST_WAIT`]: crate::queue::RetryPolicy::LONGEST_WAIT
/// [`LONGEST_LEASE`]: crate::queue::LONGEST_LEASE
/// [`Outcome::Retry`]: super::lease::Outcome::Retry
/// [`Outcome::Gone`]: super::lease::Outcome::Gone
/// [`Outcome::Exhausted`]: super::lease::Outcome::Exhausted
pub trait OutboxStore: Clone + Send + Sync + 'static {
    /// Finds out whether the store can be written to.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot.
    fn ping(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Stores events and their deliveries.
    ///
    /// Dropping the future may leave all of it stored or nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if nothing was stored, or if it is not known.
    fn enqueue(
        &self,
        events: Vec<NewEvent>,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Vec<Inserted>, StoreError>> + Send;

    /// Leases deliveries that are due.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn lease(
        &self,
        request: LeaseRequest,
    ) -> impl Future<Output = Result<Vec<Lease>, StoreError>> + Send;

    /// Records how the attempt under `lease` went and gives the lease up.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_lease_lost`] if another worker has the delivery or it has ended, and if the
    /// store fails.
    fn settle(
        &self,
        lease: &Lease,
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
        lease: &Lease,
        until: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives `lease` up without an attempt, for a worker that shuts down.
    ///
    /// # Errors
    ///
    /// As for [`settle`](Self::settle).
    fn release(
        &self,
        lease: &Lease,
        now: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns when the next delivery can be leased, which may be in the past; `None` if there is
    /// none to wait for.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn next_due(
        &self,
        per_endpoint: NonZeroU16,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Option<UnixMillis>, StoreError>> + Send;

    /// Deletes up to `max` events that have been over since before `before`, and returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn prune(
        &self,
        before: UnixMillis,
        max: NonZeroU16,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Begins to listen for deliveries that this handle and its copies make due.
    ///
    /// A hint that saves waiting: what other processes store, and what
    /// [`emit_in`](super::emitter::Emitter::emit_in) stores, is not heard, so that a worker has to look by
    /// itself from time to time.
    fn listen(&self) -> QueueListener;
}

/// Where endpoints are registered: the half of those who administer them.
///
/// # Contract
///
/// 1. [`create`](Self::create) gives each endpoint an id of its own.
/// 2. An endpoint gets the events that are stored after `create` has returned, by whichever handle
///    or process: a store may keep what it has read of endpoints, but stores no event by what a
///    change has outdated. So it is with every other change.
/// 3. After [`disable`](Self::disable) has returned, no delivery of the endpoint is leased, its
///    pending deliveries are cancelled and new events are skipped. Disabling a disabled endpoint
///    changes nothing.
/// 4. [`enable`](Self::enable) gives the endpoint a clean health; cancelled and skipped deliveries
///    stay as they are. Enabling an enabled endpoint changes nothing.
/// 5. [`list`](Self::list) shows all endpoints, oldest first.
///
/// `tower_auth_sync::__endpoint_store_tests!` checks each point.
pub trait EndpointStore: Clone + Send + Sync + 'static {
    /// Registers an endpoint.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn create(
        &self,
        endpoint: NewEndpoint,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Endpoint, StoreError>> + Send;

    /// Returns an endpoint; `None` if there is none with this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn get(
        &self,
        id: &EndpointId,
    ) -> impl Future<Output = Result<Option<Endpoint>, StoreError>> + Send;

    /// Returns all endpoints, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn list(&self) -> impl Future<Output = Result<Vec<Endpoint>, StoreError>> + Send;

    /// Disables an endpoint for the operator and returns it as it is then; `None` if there is none
    /// with this id.
    ///
    /// A delivery that a worker has leased by then may still be posted, and is recorded if it
    /// succeeds; it is not tried again.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn disable(
        &self,
        id: &EndpointId,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Option<Endpoint>, StoreError>> + Send;

    /// Enables an endpoint and returns it as it is then; `None` if there is none with this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn enable(
        &self,
        id: &EndpointId,
    ) -> impl Future<Output = Result<Option<Endpoint>, StoreError>> + Send;
}

/// What became of events: for logs, dashboards and tests.
pub trait DeliveryLog: Clone + Send + Sync + 'static {
    /// Returns the deliveries of an event, in the order of their ids; none if there is no such
    /// event.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn deliveries(
        &self,
        event: &MessageId,
    ) -> impl Future<Output = Result<Vec<Delivery>, StoreError>> + Send;

    /// Returns the recorded attempts at a delivery, oldest first; those of workers that died are
    /// missing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn attempts(
        &self,
        delivery: &DeliveryId,
    ) -> impl Future<Output = Result<Vec<Attempt>, StoreError>> + Send;
}

/// A connection in whose transaction events can be stored: the caller's change and its events
/// become lasting together, or not at all.
///
/// Implemented by the stores' adapters for their drivers' connections.
pub trait OutboxConnection: Send {
    /// Stores events and their deliveries as [`OutboxStore::enqueue`] does, as a part of the
    /// transaction that is open on this connection.
    ///
    /// On an error nothing of it stays in the transaction, which can go on.
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
