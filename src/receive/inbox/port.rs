//! What a store of received messages has to do.

use std::future::Future;
use std::num::NonZeroU16;

use super::entry::InboxEntry;
use super::message::{InboxLease, InboxLeaseRequest, InboxOutcome, NewMessage, ReceiveOutcome};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::QueueListener;

/// Where received messages wait, are worked on, and end: the half of the layer and the worker.
///
/// A message is **over** when it was settled as [`InboxOutcome::Done`] or [`InboxOutcome::Failed`].
///
/// # Contract
///
/// 1. [`receive`](Self::receive) stores a message and all its names, or nothing.
/// 2. A name is **taken** as long as its message is not over, and for [`DedupeKeys::retention`] from then on.
///    A message one of whose names is taken is [`ReceiveOutcome::Known`]: of any number of concurrent calls
///    for messages that share a name exactly one is [`ReceiveOutcome::New`]. What is known by its
///    [`DedupeKeys::key`] and has a [`DedupeKeys::replay_key`] that is not taken gives it to the message
///    that was stored; nothing else is changed. Names are of all sources alike; those of two sources
///    never coincide.
/// 3. A new message is pending and due at once.
/// 4. [`lease`](Self::lease) hands out messages of one source that are due at `now`: pending ones, and
///    leased ones whose lease has passed its end; what has been due for longest comes first, and
///    of the same time what was stored first. A message is never in two leases that both live.
/// 5. Each lease raises the message's attempt number by one and gives it a higher token. A lease that
///    lapsed in attempt `max_attempts` or a later one is not renewed: the message has failed, with
///    [`Failure::Lapsed`].
/// 6. [`settle`](Self::settle), [`extend`](Self::extend) and [`release`](Self::release) with a token
///    that is not the message's newest, or for a message that is not leased, change nothing and fail
///    with [`StoreError::is_lease_lost`].
/// 7. After `settle` with [`InboxOutcome::Done`] the store no longer has the request; with
///    [`InboxOutcome::Failed`] it keeps it until the message is deleted.
/// 8. `release` makes the message due at once and takes the attempt back.
/// 9. [`next_due`](Self::next_due) is never later than the first time at which a `lease` would hand
///    something out, if nothing else happens.
/// 10. A clock that was ahead for a while leaves nothing stuck: `lease` first dates anew what lies
///     beyond the longest possible time from `now`. A message that was never tried is due at once,
///     whatever its date, and so is one that was tried and is dated later than
///     [`RetryPolicy::LONGEST_WAIT`] from `now`. A lease that is to end later than [`LONGEST_LEASE`]
///     from `now` ends at `until`: if its holder lives, it was the clock that was set back, and the
///     holder has a lease's time to renew it.
/// 11. [`prune`](Self::prune) deletes messages of one source that have been over since before
///     `before`, with their names, but none whose names are still taken at `now`: no more than asked
///     for, and all of them if it is called until it answers with fewer.
/// 12. Whatever was acknowledged is there after a restart.
///
/// `tower_auth_sync::__inbox_store_tests!` checks each point but the last.
///
/// [`RetryPolicy::LONGEST_WAIT`]: crate::queue::RetryPolicy::LONGEST_WAIT
/// [`LONGEST_LEASE`]: crate::queue::LONGEST_LEASE
/// [`DedupeKeys::retention`]: crate::receive::dedupe::DedupeKeys::keep
/// [`DedupeKeys::key`]: crate::receive::dedupe::DedupeKeys::key
/// [`DedupeKeys::replay_key`]: crate::receive::dedupe::DedupeKeys::replay_key
/// [`Failure::Lapsed`]: super::entry::Failure::Lapsed
pub trait InboxStore: Send + Sync + 'static {
    /// Stores a message, unless it is known.
    ///
    /// Dropping the future may leave all of it stored or nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if nothing was stored, or if it is not known.
    fn receive(
        &self,
        message: NewMessage,
        now: UnixMillis,
    ) -> impl Future<Output = Result<ReceiveOutcome, StoreError>> + Send;

    /// Leases messages of `source` that are due.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn lease(
        &self,
        source: &str,
        request: InboxLeaseRequest,
    ) -> impl Future<Output = Result<Vec<InboxLease>, StoreError>> + Send;

    /// Records how the run under `lease` went and gives the lease up.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_lease_lost`] if another worker has the message or it is over, and if the
    /// store fails.
    fn settle(
        &self,
        lease: &InboxLease,
        outcome: InboxOutcome,
        now: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Moves the end of `lease` to `until`.
    ///
    /// # Errors
    ///
    /// As for [`settle`](Self::settle).
    fn extend(
        &self,
        lease: &InboxLease,
        until: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives `lease` up without a run, for a worker that shuts down.
    ///
    /// # Errors
    ///
    /// As for [`settle`](Self::settle).
    fn release(
        &self,
        lease: &InboxLease,
        now: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns when, as seen at `now`, the next message of `source` can be leased, which may be in the
    /// past; `None` if there is none to wait for.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn next_due(
        &self,
        source: &str,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Option<UnixMillis>, StoreError>> + Send;

    /// Deletes up to `max` messages of `source` that have been over since before `before`, and
    /// returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn prune(
        &self,
        source: &str,
        before: UnixMillis,
        now: UnixMillis,
        max: NonZeroU16,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Begins to listen for messages that this handle and its copies make due.
    ///
    /// A hint that saves waiting: what other processes store is not heard, so that a worker has to
    /// look by itself from time to time.
    fn listen(&self) -> QueueListener;
}

/// What became of messages, and a second chance for those that failed: the half of an operator.
///
/// # Contract
///
/// 1. [`failed`](Self::failed) shows failed messages of one source in the order of their ids, which is
///    that of their arrival.
/// 2. [`requeue`](Self::requeue) makes a failed message pending and due at once; its attempts are
///    counted from 1 again, its tokens go on rising, and its names are taken as long as it is not
///    over. A message that has not failed is left as it is, and so is one whose names a later message
///    has taken.
///
/// `tower_auth_sync::__inbox_store_tests!` checks each point.
pub trait InboxLog: Send + Sync + 'static {
    /// Returns a message of `source`; `None` if there is none with this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn find(
        &self,
        source: &str,
        id: &InboxId,
    ) -> impl Future<Output = Result<Option<InboxEntry>, StoreError>> + Send;

    /// Returns up to `max` failed messages of `source`, those after the one named `after` if that is
    /// given.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn failed(
        &self,
        source: &str,
        after: Option<&InboxId>,
        max: NonZeroU16,
    ) -> impl Future<Output = Result<Vec<InboxEntry>, StoreError>> + Send;

    /// Lets a failed message of `source` be handled again. Returns whether there was one with this
    /// id, and with a name that is still its own.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn requeue(
        &self,
        source: &str,
        id: &InboxId,
        now: UnixMillis,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
