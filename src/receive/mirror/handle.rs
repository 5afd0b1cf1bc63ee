//! Erased handle to a mirror.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::change::MirrorChange;
use super::port::{Applied, MirrorStore};
use crate::base::clock::{Clock, SystemClock, UnixMillis};
use crate::base::erased::erased;
use crate::base::error::StoreError;
use crate::wire::event::{AuthEvent, DecodeError, Session, SessionHandle, User};

/// A copy of users and sessions that events keep up to date. Cheap to clone.
///
/// See the [module docs](super) for an example.
#[derive(Clone)]
pub struct Mirror {
    store: Arc<dyn DynMirrorStore>,
    clock: Arc<dyn Clock>,
    longest_session: Duration,
}

impl Mirror {
    /// Creates a mirror that keeps its copy in `store`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_auth_sync::mirror::{MemoryMirror, Mirror};
    ///
    /// let mirror = Mirror::new(MemoryMirror::new())
    ///     .with_longest_session(Duration::from_secs(30 * 24 * 60 * 60));
    /// ```
    pub fn new(store: impl MirrorStore) -> Self {
        Self {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            longest_session: LONGEST_SESSION,
        }
    }

    /// Sets the clock that ends the tombstones of unseen sessions. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the longest lifetime of a session of the auth server: the mirror remembers the
    /// revocation of an unseen session for that long. Default: 90 days; a session of Better Auth
    /// lives 7.
    #[must_use]
    pub const fn with_longest_session(mut self, longest: Duration) -> Self {
        self.longest_session = longest;
        self
    }

    /// Applies a verified event.
    ///
    /// # Errors
    ///
    /// [`MirrorError::Decode`] if the event is about a user or session and its data is neither,
    /// [`MirrorError::Store`] if the store failed and nothing was applied.
    pub async fn apply(&self, event: &AuthEvent) -> Result<Applied, MirrorError> {
        match MirrorChange::of(event)? {
            Some(change) => {
                let now = self.clock.now();
                Ok(self.store.apply(&change, now, self.longest_session).await?)
            }
            None => Ok(Applied::NotMirrored),
        }
    }

    /// Returns a user; `None` if no user has this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
        self.store.user(id).await
    }

    /// Returns a session, expired or not; `None` if no session has this handle.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn session(&self, handle: &SessionHandle) -> Result<Option<Session>, StoreError> {
        self.store.session(handle).await
    }

    /// Returns the sessions of a user, including expired ones, in the order of their handles.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn sessions_of(&self, user_id: &str) -> Result<Vec<Session>, StoreError> {
        self.store.sessions_of(user_id).await
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").finish_non_exhaustive()
    }
}

/// Exceeds the sessions of most servers: those of Better Auth live 7 days by default.
const LONGEST_SESSION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Reason why an event was not applied.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The event is about a user or session, and its data is neither.
    #[error("the event does not decode")]
    Decode(#[from] DecodeError),
    /// The store failed; nothing was applied.
    #[error("the mirror's store failed")]
    Store(#[from] StoreError),
}

erased! {
    /// [`MirrorStore`] as an object.
    trait DynMirrorStore: MirrorStore;
    async MirrorStore::apply(change: &'a MirrorChange, now: UnixMillis, longest_session: Duration) -> Result<Applied, StoreError>;
    async MirrorStore::user(id: &'a str) -> Result<Option<User>, StoreError>;
    async MirrorStore::session(handle: &'a SessionHandle) -> Result<Option<Session>, StoreError>;
    async MirrorStore::sessions_of(user_id: &'a str) -> Result<Vec<Session>, StoreError>;
}
