//! Ports of a store of received messages.

use std::future::Future;
use std::num::NonZeroU16;

use super::entry::InboxEntry;
use super::message::{InboxLease, InboxOutcome, NewMessage};
use crate::base::actor::Actor;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::{LeaseRequest, QueueListener};
use crate::receive::dedupe::Claimed;

/// Stores received messages and leases them to workers: the half for the layer and the worker.
///
/// A message is **finished** when it was settled as [`InboxOutcome::Done`] or
/// [`InboxOutcome::Failed`].
///
/// # Contract
///
/// 1. [`receive`](Self::receive) claims a message as [`DedupeStore::claim`] does, with the points 1, 2
///    and 7 of its contract, and stores it in the same transaction: a message that is
///    [`Claimed::Fresh`] is stored, any other leaves no message. A store that has both ports keeps
///    their keys in one place: what one of them knows, the other knows.
/// 2. The key of a stored message is claimed as if committed, without an end while the message is not
///    finished. It ends [`DedupeKeys::retention`] after the message has finished, whether the store
///    still has the message or not.
/// 3. A new message is pending and due at once.
/// 4. [`lease`](Self::lease) leases messages of one source that are due at `now`: pending ones, and
///    leased ones whose lease has ended. The message that has been due longest comes first; of the
///    same time, the one stored first. A message is never in two live leases.
/// 5. Each lease raises the attempt number of the message by one and gives it a higher token. A
///    message whose lease lapsed in attempt `max_attempts` or later is not leased again: it has
///    failed, with [`Failure::Lapsed`].
/// 6. [`settle`](Self::settle), [`extend`](Self::extend) and [`release`](Self::release) with a
///    token that is not the newest of the message, or for a message that is not leased, change
///    nothing and fail with [`StoreError::is_lease_lost`].
/// 7. After `settle` with [`InboxOutcome::Done`] the store no longer has the request; with
///    [`InboxOutcome::Failed`] it keeps the request until the message is deleted.
/// 8. `release` makes the message due at once and takes the attempt back.
/// 9. [`next_due`](Self::next_due) is never later than the first time at which `lease` would lease
///    a message, if nothing else happens.
/// 10. A clock that was ahead leaves nothing stuck: `lease` first changes dates beyond the longest
///     possible time from `now`. A message that was never tried is due at once, whatever its date.
///     So is a tried message dated later than [`RetryPolicy::LONGEST_WAIT`] from `now`. A lease
///     that would end later than [`LONGEST_LEASE`] from `now` ends at `until`: if its holder lives,
///     the clock was set back, and the holder can renew it within one lease.
/// 11. [`prune`](Self::prune) deletes messages of one source that finished before `before`. Their keys
///     stay until they end. It deletes at most `max`, and has deleted all when it returns less.
/// 12. Acknowledged changes survive a restart.
///
/// [`InboxLog`] shows a store that wraps another one.
///
/// `tower_auth_sync::testing::inbox_store_tests!` checks each point but the last:
///
/// ```
/// # #[cfg(feature = "test-util")]
/// mod conformance {
///     use tower_auth_sync::{inbox::MemoryInbox, testing::inbox_store_tests};
///
///     inbox_store_tests!(async || (MemoryInbox::new(), ()));
/// }
/// ```
///
/// [`RetryPolicy::LONGEST_WAIT`]: crate::queue::RetryPolicy::LONGEST_WAIT
/// [`LONGEST_LEASE`]: crate::queue::LONGEST_LEASE
/// [`DedupeKeys::retention`]: crate::receive::dedupe::DedupeKeys::retention
/// [`DedupeStore::claim`]: crate::receive::dedupe::DedupeStore::claim
/// [`Failure::Lapsed`]: super::entry::Failure::Lapsed
pub trait InboxStore: Send + Sync + 'static {
    /// Claims a message and stores it, if it is free.
    ///
    /// Dropping the future may leave the whole message stored, or nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if nothing was stored, or if that is unknown.
    fn receive(
        &self,
        message: NewMessage,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Leases due messages of `source`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn lease(
        &self,
        source: &str,
        request: LeaseRequest,
    ) -> impl Future<Output = Result<Vec<InboxLease>, StoreError>> + Send;

    /// Records the outcome of the run under `lease` and ends the lease.
    ///
    /// # Errors
    ///
    /// [`StoreError::is_lease_lost`] if another worker has the message or it is finished, and if
    /// the store fails.
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

    /// Ends `lease` without a run, for a worker that shuts down.
    ///
    /// # Errors
    ///
    /// As for [`settle`](Self::settle).
    fn release(
        &self,
        lease: &InboxLease,
        now: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Returns the time, as of `now`, at which the next message of `source` can be leased. It may
    /// be in the past. Returns `None` if no message waits.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn next_due(
        &self,
        source: &str,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Option<UnixMillis>, StoreError>> + Send;

    /// Deletes up to `max` messages of `source` that finished before `before`, and returns their
    /// number.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn prune(
        &self,
        source: &str,
        before: UnixMillis,
        max: NonZeroU16,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;

    /// Starts to listen for messages that become due through this handle and its copies.
    ///
    /// A notification only saves waiting. Messages that other processes store send none, so a
    /// worker polls from time to time.
    fn listen(&self) -> QueueListener;
}

/// Lists failed messages and requeues them: the half for operators.
///
/// # Contract
///
/// 1. [`failed`](Self::failed) lists failed messages of one source in the order of their ids, which
///    is the order of arrival.
/// 2. [`requeue`](Self::requeue) makes a failed message pending and due at once. Its attempts count
///    from 1 again, its tokens keep rising, and its key has no end until it is finished again.
///    `requeue` leaves a message that has not failed unchanged, and also one whose key another request
///    has claimed since it ended. A store may also refuse a message whose key has ended.
///
/// A store of your own may wrap another one:
///
/// ```
/// use std::num::NonZeroU16;
///
/// use tower_auth_sync::StoreError;
/// use tower_auth_sync::actor::Actor;
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::dedupe::Claimed;
/// use tower_auth_sync::id::InboxId;
/// use tower_auth_sync::inbox::{
///     Inbox, InboxEntry, InboxLease, InboxLog, InboxOutcome, InboxStore, MemoryInbox, NewMessage,
/// };
/// use tower_auth_sync::queue::{LeaseRequest, QueueListener};
///
/// struct Logged(MemoryInbox);
///
/// impl InboxStore for Logged {
///     async fn receive(&self, message: NewMessage, now: UnixMillis) -> Result<Claimed, StoreError> {
///         let claimed = self.0.receive(message, now).await?;
///         println!("{claimed:?}");
///         Ok(claimed)
///     }
///     async fn lease(&self, source: &str, request: LeaseRequest) -> Result<Vec<InboxLease>, StoreError> {
///         self.0.lease(source, request).await
///     }
///     async fn settle(&self, lease: &InboxLease, outcome: InboxOutcome, now: UnixMillis) -> Result<(), StoreError> {
///         self.0.settle(lease, outcome, now).await
///     }
///     async fn extend(&self, lease: &InboxLease, until: UnixMillis) -> Result<(), StoreError> {
///         self.0.extend(lease, until).await
///     }
///     async fn release(&self, lease: &InboxLease, now: UnixMillis) -> Result<(), StoreError> {
///         self.0.release(lease, now).await
///     }
///     async fn next_due(&self, source: &str, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
///         self.0.next_due(source, now).await
///     }
///     async fn prune(&self, source: &str, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
///         self.0.prune(source, before, max).await
///     }
///     fn listen(&self) -> QueueListener {
///         self.0.listen()
///     }
/// }
///
/// impl InboxLog for Logged {
///     async fn find(&self, source: &str, id: &InboxId) -> Result<Option<InboxEntry>, StoreError> {
///         self.0.find(source, id).await
///     }
///     async fn failed(&self, source: &str, after: Option<&InboxId>, max: NonZeroU16) -> Result<Vec<InboxEntry>, StoreError> {
///         self.0.failed(source, after, max).await
///     }
///     async fn requeue(&self, source: &str, id: &InboxId, actor: &Actor, now: UnixMillis) -> Result<bool, StoreError> {
///         println!("{actor} requeues {id}");
///         self.0.requeue(source, id, actor, now).await
///     }
/// }
///
/// let inbox = Inbox::new(Logged(MemoryInbox::new()), "crm")?;
/// # Ok::<(), tower_auth_sync::dedupe::InvalidSource>(())
/// ```
///
/// `tower_auth_sync::testing::inbox_store_tests!` checks each point; see [`InboxStore`] for an
/// example.
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

    /// Returns up to `max` failed messages of `source`, after the message `after` if that is given.
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

    /// Requeues a failed message of `source`. Returns whether a failed message with this id exists
    /// and no other request has claimed its key.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn requeue(
        &self,
        source: &str,
        id: &InboxId,
        actor: &Actor,
        now: UnixMillis,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
