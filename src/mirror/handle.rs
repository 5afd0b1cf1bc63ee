//! The mirror whatever its store.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::change::Change;
use super::port::{Applied, MirrorStore};
use super::service::MirrorService;
use crate::event::{AuthEvent, DecodeError, Session, SessionHandle, User};
use crate::store_error::StoreError;

/// A copy of users and sessions, kept up to date by events. Cheap to clone.
#[derive(Clone)]
pub struct Mirror(Arc<dyn Erased>);

impl Mirror {
    /// Creates a mirror that keeps its copy in `store`.
    pub fn new(store: impl MirrorStore) -> Self {
        Self(Arc::new(store))
    }

    /// Applies an event that was verified.
    ///
    /// # Errors
    ///
    /// [`MirrorError::Decode`] if the event is about a user or session and its data is neither,
    /// [`MirrorError::Store`] if the store failed and nothing was applied.
    pub async fn apply(&self, event: &AuthEvent) -> Result<Applied, MirrorError> {
        match Change::of(event)? {
            Some(change) => Ok(self.0.apply(&change).await?),
            None => Ok(Applied::NotMirrored),
        }
    }

    /// Returns a handler that applies the events it receives; it belongs behind
    /// `VerifyWebhookLayer`.
    #[must_use]
    pub fn service(&self) -> MirrorService {
        MirrorService::new(self.clone())
    }

    /// Returns a user; `None` if there is none with this id, or none any more.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
        self.0.user(id).await
    }

    /// Returns a session, expired or not; `None` if there is none with this handle, or none any
    /// more.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn session(&self, handle: &SessionHandle) -> Result<Option<Session>, StoreError> {
        self.0.session(handle).await
    }

    /// Returns a user's sessions, expired ones too, in the order of their handles.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn sessions_of(&self, user_id: &str) -> Result<Vec<Session>, StoreError> {
        self.0.sessions_of(user_id).await
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").finish_non_exhaustive()
    }
}

/// Why an event was not applied.
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

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// [`MirrorStore`] as an object.
trait Erased: Send + Sync {
    fn apply<'a>(&'a self, change: &'a Change) -> Answer<'a, Applied>;
    fn user<'a>(&'a self, id: &'a str) -> Answer<'a, Option<User>>;
    fn session<'a>(&'a self, handle: &'a SessionHandle) -> Answer<'a, Option<Session>>;
    fn sessions_of<'a>(&'a self, user_id: &'a str) -> Answer<'a, Vec<Session>>;
}

impl<S: MirrorStore> Erased for S {
    fn apply<'a>(&'a self, change: &'a Change) -> Answer<'a, Applied> {
        Box::pin(MirrorStore::apply(self, change))
    }

    fn user<'a>(&'a self, id: &'a str) -> Answer<'a, Option<User>> {
        Box::pin(MirrorStore::user(self, id))
    }

    fn session<'a>(&'a self, handle: &'a SessionHandle) -> Answer<'a, Option<Session>> {
        Box::pin(MirrorStore::session(self, handle))
    }

    fn sessions_of<'a>(&'a self, user_id: &'a str) -> Answer<'a, Vec<Session>> {
        Box::pin(MirrorStore::sessions_of(self, user_id))
    }
}
