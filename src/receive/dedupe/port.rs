//! Port of a store of claims.

use std::sync::Arc;

use super::keys::DedupeKeys;
use super::reply::Reply;
use crate::base::clock::UnixMillis;

/// Stores claims on messages.
///
/// Each method is one statement or one round trip. An `Arc` of a store is a store.
///
/// # Contract
///
/// 1. Of any number of concurrent claims on a [key](DedupeKeys::key) exactly one is
///    [`Claimed::Fresh`].
/// 2. Each claim leaves its [replay key](DedupeKeys::replay_key), with any result, for
///    [`DedupeKeys::replay_window`] from `now`. The message that left it first owns it. A claim of
///    another message with this replay key is [`Claimed::InFlight`] if one of the two is in flight
///    and neither is done, and otherwise [`Claimed::Done`], even if the owner was released.
/// 3. A claim lapses at its `until`: from then on the key is free. It has also lapsed if it ends
///    further ahead of `now` than twice the requested lease (`until` less `now`): it comes from a
///    clock that was ahead. When another request has taken the key over, [`renew`](Self::renew),
///    [`commit`](Self::commit) and [`release`](Self::release) with the old token change nothing and
///    fail with an error for which [`StoreError::is_lease_lost`] holds.
/// 4. After a commit each claim on its key is [`Claimed::Done`], at least for
///    [`DedupeKeys::retention`] from the commit, also if the time of the commit lies in the future.
///    A bounded store may forget after [`DedupeKeys::replay_window`]; if it may forget nothing, it
///    fails.
/// 5. After a release the key is free at once, also for the same request.
/// 6. Committing twice with the same token equals committing once. A release does not undo a
///    commit.
/// 7. A claim that is not fresh changes nothing except the replay key of point 2.
///
/// A store of your own may wrap another one:
///
/// ```
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::dedupe::{Claimed, Dedupe, DedupeKeys, DedupeStore, MemoryDedupe, Reply};
///
/// struct Logged(MemoryDedupe);
///
/// impl DedupeStore for Logged {
///     fn claim(&self, keys: &DedupeKeys, now: UnixMillis, until: UnixMillis) -> Reply<Claimed> {
///         let reply = self.0.claim(keys, now, until);
///         Reply::later(async move {
///             let claimed = reply.await?;
///             println!("{claimed:?}");
///             Ok(claimed)
///         })
///     }
///
///     fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Reply<()> {
///         self.0.renew(keys, until)
///     }
///
///     fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Reply<()> {
///         self.0.commit(keys, now)
///     }
///
///     fn release(&self, keys: &DedupeKeys) -> Reply<()> {
///         self.0.release(keys)
///     }
/// }
///
/// let dedupe = Dedupe::new(Logged(MemoryDedupe::new()), "crm")?;
/// # Ok::<(), tower_auth_sync::dedupe::InvalidSource>(())
/// ```
///
/// `tower_auth_sync::testing::dedupe_store_tests!` checks each point against your store:
///
/// ```
/// # #[cfg(feature = "test-util")]
/// mod conformance {
///     use tower_auth_sync::{dedupe::MemoryDedupe, testing::dedupe_store_tests};
///
///     dedupe_store_tests!(async || MemoryDedupe::new());
/// }
/// ```
///
/// [`StoreError::is_lease_lost`]: crate::base::error::StoreError::is_lease_lost
pub trait DedupeStore: Send + Sync + 'static {
    /// Claims the message until `until`, if it is free.
    ///
    /// # Errors
    ///
    /// Fails if the store is unreachable or full. It is then unknown whether the claim holds.
    fn claim(&self, keys: &DedupeKeys, now: UnixMillis, until: UnixMillis) -> Reply<Claimed>;

    /// Moves the end of a claim to `until`.
    ///
    /// # Errors
    ///
    /// Fails if the claim is lost, and if the store is unreachable.
    fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Reply<()>;

    /// Records that the message was handled.
    ///
    /// # Errors
    ///
    /// Fails if the claim is lost, and if the store is unreachable.
    fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Reply<()>;

    /// Releases a claim, so that the next request with this message is handled.
    ///
    /// # Errors
    ///
    /// Fails if the claim is lost or committed, and if the store is unreachable.
    fn release(&self, keys: &DedupeKeys) -> Reply<()>;
}

impl<S: DedupeStore + ?Sized> DedupeStore for Arc<S> {
    fn claim(&self, keys: &DedupeKeys, now: UnixMillis, until: UnixMillis) -> Reply<Claimed> {
        (**self).claim(keys, now, until)
    }

    fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Reply<()> {
        (**self).renew(keys, until)
    }

    fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Reply<()> {
        (**self).commit(keys, now)
    }

    fn release(&self, keys: &DedupeKeys) -> Reply<()> {
        (**self).release(keys)
    }
}

/// Result of a claim.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Claimed {
    /// The request may handle the message, until it commits or releases, or the claim lapses.
    Fresh {
        /// Another message owned the unsigned [id](DedupeKeys::id_key): the id came with another
        /// body. For the log, as far as the store remembers.
        other_body: bool,
    },
    /// Another request holds the claim.
    InFlight {
        /// Time at which that claim lapses, unless it is renewed or settled first.
        until: UnixMillis,
    },
    /// The message was handled, or the request arrived before under another id.
    Done,
}

/// Returns the latest possible end of a claim at `now`, where a claim until `until` is requested:
/// twice the lease, since the clocks of receivers that share a store differ by less than half a
/// lease.
pub(crate) fn latest_end(now: UnixMillis, until: UnixMillis) -> UnixMillis {
    until.saturating_add(until.saturating_since(now))
}
