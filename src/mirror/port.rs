//! What a store of the mirror has to do.

use std::future::Future;

use super::change::Change;
use crate::event::{Session, SessionHandle, User};
use crate::store_error::StoreError;

/// Where the mirror keeps users and sessions.
///
/// # Contract
///
/// 1. [`apply`](Self::apply) is atomic: of two calls at once, one sees all that the other did. What
///    was applied is seen by every later read, and is there after a restart if the store lasts.
/// 2. [`Change::User`] is [absorbed](super::Record::absorb) by the user's record, a new one if there
///    is none. `sessions_ended_at`, if given, raises the user's own; the user's sessions opened at
///    that time or before are removed.
/// 3. [`Change::UserDeleted`] removes the user and its sessions, and leaves a tombstone for good.
///    After it, nothing that is told about the user changes anything.
/// 4. [`Change::Session`] is absorbed by the session's record, a new one if there is none, unless
///    the session has a tombstone. If the event does not say whose session it is, it stays whose it
///    was. The session is removed, or not made, if its user has a tombstone, or if the user's
///    sessions ended at the time it was opened or later; of two such times the earlier counts.
/// 5. [`Change::SessionRevoked`] removes the session and leaves a tombstone for good.
/// 6. Applying a change that was applied already is [`Applied::Unchanged`].
///
/// `tower_auth_sync::testing::mirror_store_tests!` checks each point.
pub trait MirrorStore: Clone + Send + Sync + 'static {
    /// Applies a change.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails; then nothing of the change is kept.
    fn apply(&self, change: &Change) -> impl Future<Output = Result<Applied, StoreError>> + Send;

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
    /// The mirror is another than before.
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
