//! The port: what a store of claims must do.

use crate::clock::UnixMillis;
use crate::dedupe::Ticket;
use crate::store_error::StoreError;

/// Where claims on messages are kept.
///
/// A [`Ticket`] names a message by one or two keys and is what a claim is held by. Each method is
/// one statement or one round trip.
///
/// # Contract
///
/// 1. Of the tickets that share a key at most one holds a claim: of any number of concurrent
///    claims exactly one is [`Claimed::Fresh`].
/// 2. A claim takes all keys of its ticket or none.
/// 3. A claim lapses at its `until`: from then on the keys are free. A claim that another ticket
///    has taken over is lost: [`renew`](Self::renew), [`commit`](Self::commit) and
///    [`release`](Self::release) with the old ticket change nothing and fail with an error for which
///    [`StoreError::is_lease_lost`] holds.
/// 4. After a commit each claim by any of its keys is [`Claimed::Done`], at least for
///    [`Ticket::keep`] from the commit on. A store that is bounded may forget sooner, but not before
///    [`Ticket::hold`] has passed; one that may forget nothing fails instead.
/// 5. If one key of a ticket is done and another is in flight, the answer is [`Claimed::Done`].
/// 6. After a release all keys of the ticket are free at once.
/// 7. Committing twice with the same ticket is the same as committing once. A commit is not undone by
///    a release.
/// 8. A claim that is not fresh changes nothing.
///
/// `tower_auth_sync::testing::dedupe_store_tests!` checks each point against your store.
pub trait DedupeStore: Send + Sync + 'static {
    /// Claims the message for `ticket` until `until`, if nobody has it.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be reached or is full. It is then unknown whether the claim holds.
    fn claim(
        &self,
        ticket: &Ticket,
        now: UnixMillis,
        until: UnixMillis,
    ) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Moves the end of a claim to `until`.
    ///
    /// # Errors
    ///
    /// Fails if the claim is lost, and if the store cannot be reached.
    fn renew(
        &self,
        ticket: &Ticket,
        until: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records that the message was handled.
    ///
    /// # Errors
    ///
    /// Fails if the claim is lost, and if the store cannot be reached.
    fn commit(
        &self,
        ticket: &Ticket,
        now: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives a claim up, so that the next request with this message is handled.
    ///
    /// # Errors
    ///
    /// Fails if the claim is lost or committed, and if the store cannot be reached.
    fn release(&self, ticket: &Ticket) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What came of a claim.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Claimed {
    /// The message is the ticket's to handle, until it commits, releases, or the claim lapses.
    Fresh {
        /// The same id came lately with another body; said only of an id that is not authentic,
        /// for the log, and only as far as the store remembers.
        other_body: bool,
    },
    /// Another ticket holds the claim.
    InFlight {
        /// When that claim lapses, unless it is renewed or ends before.
        until: UnixMillis,
    },
    /// The message was handled.
    Done {
        /// It was handled with another body than the one claimed now: two messages of the sender
        /// have one id.
        other_body: bool,
    },
}
