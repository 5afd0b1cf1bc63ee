//! Port of a store of the mirror.

use std::future::Future;
use std::time::Duration;

use super::change::MirrorChange;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::wire::event::{Session, SessionHandle, User};

/// Stores the users and sessions of a mirror.
///
/// # Contract
///
/// 1. [`apply`](Self::apply) is atomic: of two concurrent calls, one sees all changes of the other.
///    Every later read sees an applied change, and it survives a restart if the store is durable.
/// 2. [`MirrorChange::User`] is [applied](super::row::UserRow::apply) to the row of the user, a new
///    one if there is none. The user's sessions that have then
///    [ended](super::row::SessionRow::has_ended) are removed, and leave tombstones.
/// 3. [`MirrorChange::UserDeleted`] removes the user and its sessions, and leaves permanent
///    tombstones of all. After it, no change about the user has an effect.
/// 4. [`MirrorChange::Session`] is [applied](super::row::SessionRow::apply) to the row of the
///    session, a new one if there is none, unless the session has a tombstone. If the event has no
///    user, the session keeps its user; if it has another user than the row, nothing changes. If
///    the user has a tombstone, or the session has [ended](super::row::SessionRow::has_ended), it
///    is removed, or not created, and leaves a tombstone.
/// 5. [`MirrorChange::SessionRevoked`] removes the session and leaves a permanent tombstone. If it
///    has another user than the row, nothing changes. If there is no row, or a row without a user
///    while the change has one, the tombstone ends `longest_session` from `now`. Until then it blocks
///    sessions of the change's user and sessions without a user. If the change has no user, it blocks
///    every session with this handle.
/// 6. Applying a change again is [`Applied::Unchanged`].
///
/// A store of your own may wrap another one:
///
/// ```
/// use std::time::Duration;
///
/// use tower_auth_sync::StoreError;
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::event::{Session, SessionHandle, User};
/// use tower_auth_sync::mirror::{Applied, MemoryMirror, Mirror, MirrorChange, MirrorStore};
///
/// struct Logged(MemoryMirror);
///
/// impl MirrorStore for Logged {
///     async fn apply(&self, change: &MirrorChange, now: UnixMillis, longest: Duration) -> Result<Applied, StoreError> {
///         let applied = self.0.apply(change, now, longest).await?;
///         println!("{applied:?}");
///         Ok(applied)
///     }
///
///     async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
///         self.0.user(id).await
///     }
///
///     async fn session(&self, handle: &SessionHandle) -> Result<Option<Session>, StoreError> {
///         self.0.session(handle).await
///     }
///
///     async fn sessions_of(&self, user_id: &str) -> Result<Vec<Session>, StoreError> {
///         self.0.sessions_of(user_id).await
///     }
/// }
///
/// let mirror = Mirror::new(Logged(MemoryMirror::new()));
/// ```
///
/// `tower_auth_sync::testing::mirror_store_tests!` checks each point against your store:
///
/// ```
/// # #[cfg(feature = "test-util")]
/// mod conformance {
///     use tower_auth_sync::{mirror::MemoryMirror, testing::mirror_store_tests};
///
///     mirror_store_tests!(async || (MemoryMirror::new(), ()));
/// }
/// ```
pub trait MirrorStore: Send + Sync + 'static {
    /// Applies a change at `now`. No session lives longer than `longest_session`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails; it then keeps no part of the change.
    fn apply(
        &self,
        change: &MirrorChange,
        now: UnixMillis,
        longest_session: Duration,
    ) -> impl Future<Output = Result<Applied, StoreError>> + Send;

    /// Returns a user; `None` if no user has this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn user(&self, id: &str) -> impl Future<Output = Result<Option<User>, StoreError>> + Send;

    /// Returns a session, expired or not; `None` if no session has this handle.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn session(
        &self,
        handle: &SessionHandle,
    ) -> impl Future<Output = Result<Option<Session>, StoreError>> + Send;

    /// Returns the sessions of a user, including expired ones, in the order of their handles.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn sessions_of(
        &self,
        user_id: &str,
    ) -> impl Future<Output = Result<Vec<Session>, StoreError>> + Send;
}

/// Result of an event.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Applied {
    /// The mirror stored something, even if it does not show.
    Changed,
    /// The mirror had the same or newer data, or the user or session is gone.
    Unchanged,
    /// The mirror does not keep this kind of event.
    NotMirrored,
}

impl Applied {
    pub(crate) const fn changed(changed: bool) -> Self {
        if changed {
            Self::Changed
        } else {
            Self::Unchanged
        }
    }
}
