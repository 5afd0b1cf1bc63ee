//! What a store of the mirror has to do.

use std::future::Future;
use std::time::Duration;

use super::change::MirrorChange;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::wire::event::{Session, SessionHandle, User};

/// Where the mirror keeps users and sessions.
///
/// # Contract
///
/// 1. [`apply`](Self::apply) is atomic: of two calls at once, one sees all that the other did. What
///    was applied is seen by every later read, and is there after a restart if the store lasts.
/// 2. [`MirrorChange::User`] is [told](super::row::UserRow::apply) to the user's row, a new one if there is
///    none. The user's sessions that are then [over](super::row::SessionRow::has_ended) are removed, and
///    leave tombstones.
/// 3. [`MirrorChange::UserDeleted`] removes the user and its sessions, and leaves tombstones of all for
///    good. After it, nothing that is told about the user changes anything.
/// 4. [`MirrorChange::Session`] is [told](super::row::SessionRow::apply) to the session's row, a new one if
///    there is none, unless the session has a tombstone. If the event does not say whose session it
///    is, it stays whose it was; if it names another user than the row's, nothing changes. If its user has a tombstone, or the session is
///    [over](super::row::SessionRow::has_ended), it is removed, or not made, and leaves a tombstone.
/// 5. [`MirrorChange::SessionRevoked`] removes the session and leaves a tombstone for good. If it names
///    another user than the row's, nothing changes. If there is no row, or one without a user while
///    the change names one, what is left is a tombstone that ends `longest_session` from `now`: until
///    then a session of that user, or one without a user, is not made from it; of every user, if the
///    change names none.
/// 6. Applying a change that was applied already is [`Applied::Unchanged`].
///
/// `tower_auth_sync::__mirror_store_tests!` checks each point.
pub trait MirrorStore: Clone + Send + Sync + 'static {
    /// Applies a change at `now`. No session lives longer than `longest_session`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails; then nothing of the change is kept.
    fn apply(
        &self,
        change: &MirrorChange,
        now: UnixMillis,
        longest_session: Duration,
    ) -> impl Future<Output = Result<Applied, StoreError>> + Send;

    /// Returns a user; `None` if there is none with this id, or none any more.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn user(&self, id: &str) -> impl Future<Output = Result<Option<User>, StoreError>> + Send;

    /// Returns a session, expired or not; `None` if there is none with this handle, or none any
    /// more.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn session(
        &self,
        handle: &SessionHandle,
    ) -> impl Future<Output = Result<Option<Session>, StoreError>> + Send;

    /// Returns a user's sessions, expired ones too, in the order of their handles.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn sessions_of(
        &self,
        user_id: &str,
    ) -> impl Future<Output = Result<Vec<Session>, StoreError>> + Send;
}

/// What became of an event.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Applied {
    /// The mirror knows more than before, also if that is not newer than what it shows.
    Changed,
    /// The mirror knew it, or something newer, or the one it is about is gone.
    Unchanged,
    /// The mirror does not keep what the event is about.
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
