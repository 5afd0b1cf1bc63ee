//! The port: what a store of claims must do.

use super::keys::DedupeKeys;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

/// Where claims on messages are kept.
///
/// A [`DedupeKeys`] names a message by its key, which is claimed, and where the id is not signed also the
/// request by its replay key, which is left. Each method is one statement or one round trip.
///
/// # Contract
///
/// 1. Of the all_keys with one key at most one holds a claim: of any number of concurrent claims
///    exactly one is [`Claimed::Fresh`].
/// 2. Each claim leaves its replay key, whatever it is answered, for [`DedupeKeys::replay_window`] from `now` on. A
///    replay key belongs to the key with which it was left first. While it is kept, a claim with this
///    replay key and another key is not fresh: it is [`Claimed::InFlight`] while one of the two
///    messages is in flight and none is done, and otherwise [`Claimed::Done`], also after a release. A
///    claim with the key that it belongs to is judged by that key alone.
/// 3. A claim lapses at its `until`: from then on the key is free. So is the key of a claim whose end
///    lies further ahead of `now` than twice the lease that is asked for (`until` less `now`): a clock
///    made it that was ahead. A claim that another keys has taken over is lost:
///    [`renew`](Self::renew), [`commit`](Self::commit) and [`release`](Self::release) with the old
///    keys change nothing and fail with an error for which [`StoreError::is_lease_lost`] holds.
/// 4. After a commit each claim by its key is [`Claimed::Done`], at least for [`DedupeKeys::retention`] from
///    the commit on, also if its time lies in the future. A store that is bounded may forget sooner,
///    but not before [`DedupeKeys::replay_window`] has passed; one that may forget nothing fails instead.
/// 5. After a release the key is free at once, for a claim with another replay key and for the same
///    request.
/// 6. Committing twice with the same keys is the same as committing once. A commit is not undone by
///    a release.
/// 7. A claim that is not fresh changes nothing but what point 2 says.
///
/// `tower_auth_sync::__dedupe_store_tests!` checks each point against your store.
pub trait DedupeStore: Send + Sync + 'static {
    /// Claims the message for `keys` until `until`, if nobody has it.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be reached or is full. It is then unknown whether the claim holds.
    fn claim(
        &self,
        keys: &DedupeKeys,
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
        keys: &DedupeKeys,
        until: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records that the message was handled.
    ///
    /// # Errors
    ///
    /// Fails if the claim is lost, and if the store cannot be reached.
    fn commit(
        &self,
        keys: &DedupeKeys,
        now: UnixMillis,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives a claim up, so that the next request with this message is handled.
    ///
    /// # Errors
    ///
    /// Fails if the claim is lost or committed, and if the store cannot be reached.
    fn release(&self, keys: &DedupeKeys) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What came of a claim.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Claimed {
    /// The message is the keys's to handle, until it commits, releases, or the claim lapses.
    Fresh {
        /// The same id came lately with another body; said only of an id that is not signed, for the
        /// log, and only as far as the store remembers.
        other_body: bool,
    },
    /// Another keys holds the claim.
    InFlight {
        /// When that claim lapses, unless it is renewed or ends before.
        until: UnixMillis,
    },
    /// The message was handled, or the request came before under another id.
    Done,
}

/// Returns the latest end that a claim can have at `now`, where one until `until` is asked for: twice
/// the lease, since the clocks of receivers that share a store differ by less than half of it.
pub(crate) fn latest_end(now: UnixMillis, until: UnixMillis) -> UnixMillis {
    until.saturating_add(until.saturating_since(now))
}
