//! Mirror in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::change::{MirrorChange, Update};
use super::field_set::FieldSet;
use super::port::{Applied, MirrorStore};
use super::row::{SessionRow, UserRow};
use super::version::Version;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::wire::event::{Session, SessionHandle, User};

/// Mirror in this process's memory, for tests and development; lost when the process ends.
///
/// Clones share the memory, which grows with the number of users and sessions ever seen.
#[derive(Clone, Default)]
pub struct MemoryMirror(Arc<Mutex<MirrorState>>);

#[derive(Default)]
struct MirrorState {
    users: HashMap<String, UserRow>,
    deleted: HashSet<String>,
    sessions: BTreeMap<SessionHandle, SessionRow>,
    revoked: HashSet<SessionHandle>,
    /// Revocations of unseen sessions: their user, if the event has one, and their end.
    unseen: BTreeMap<SessionHandle, BTreeMap<Option<String>, UnixMillis>>,
    /// The same, ordered by their end.
    endings: BTreeSet<(UnixMillis, SessionHandle, Option<String>)>,
}

impl MemoryMirror {
    /// Creates an empty mirror.
    ///
    /// ```
    /// use tower_auth_sync::mirror::{MemoryMirror, Mirror};
    ///
    /// let mirror = Mirror::new(MemoryMirror::new());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, MirrorState> {
        // No code below leaves the state half changed when it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryMirror")
            .field("users", &state.users.len())
            .field("sessions", &state.sessions.len())
            .finish()
    }
}

impl MirrorStore for MemoryMirror {
    async fn apply(
        &self,
        change: &MirrorChange,
        now: UnixMillis,
        longest_session: Duration,
    ) -> Result<Applied, StoreError> {
        let mut state = self.state();
        state.forget_ended(now);
        let changed = match change {
            MirrorChange::User {
                id,
                update,
                sessions_ended,
            } => state.update_user(id, update, *sessions_ended),
            MirrorChange::UserDeleted { id } => state.delete_user(id),
            MirrorChange::Session {
                handle,
                user_id,
                opened,
                update,
            } => state.update_session(handle, user_id.as_deref(), *opened, update),
            MirrorChange::SessionRevoked { handle, user_id } => state.revoke(
                handle,
                user_id.as_deref(),
                now.saturating_add(longest_session),
            ),
        };
        Ok(Applied::changed(changed))
    }

    async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
        let state = self.state();
        state
            .users
            .get(id)
            .map(|row| decode(&row.record))
            .transpose()
    }

    async fn session(&self, handle: &SessionHandle) -> Result<Option<Session>, StoreError> {
        let state = self.state();
        let row = state.sessions.get(handle);
        row.map(|row| decode(&row.record)).transpose()
    }

    async fn sessions_of(&self, user_id: &str) -> Result<Vec<Session>, StoreError> {
        let state = self.state();
        let rows = state.sessions.values();
        rows.filter(|row| row.user_id.as_deref() == Some(user_id))
            .map(|row| decode(&row.record))
            .collect()
    }
}

impl MirrorState {
    fn update_user(&mut self, id: &str, update: &Update, sessions_ended: Option<Version>) -> bool {
        if self.deleted.contains(id) {
            return false;
        }
        let user = self.users.entry(id.to_owned()).or_default();
        let changed = user.apply(update, sessions_ended);
        let user = user.clone();
        self.end_sessions(id, |session| session.has_ended(Some(&user)));
        changed
    }

    fn delete_user(&mut self, id: &str) -> bool {
        self.users.remove(id);
        self.end_sessions(id, |_session| true);
        self.deleted.insert(id.to_owned())
    }

    fn end_sessions(&mut self, user_id: &str, has_ended: impl Fn(&SessionRow) -> bool) {
        let over = self.sessions.extract_if(.., |_handle, session| {
            session.user_id.as_deref() == Some(user_id) && has_ended(session)
        });
        self.revoked.extend(over.map(|(handle, _session)| handle));
    }

    fn revoke(&mut self, handle: &SessionHandle, user_id: Option<&str>, until: UnixMillis) -> bool {
        if self.revoked.contains(handle) {
            return false;
        }
        let session = self.sessions.get(handle);
        if session.is_some_and(|session| session.is_of_another(user_id)) {
            return false;
        }
        if session.is_some_and(|session| session.user_id.is_some() || user_id.is_none()) {
            self.sessions.remove(handle);
            return self.revoked.insert(handle.clone());
        }
        let removed = self.sessions.remove(handle).is_some();
        let user_id = user_id.map(Into::into);
        let unseen = self.unseen.entry(handle.clone()).or_default();
        if unseen.contains_key(&user_id) {
            return removed;
        }
        unseen.insert(user_id.clone(), until);
        self.endings.insert((until, handle.clone(), user_id))
    }

    fn forget_ended(&mut self, now: UnixMillis) {
        while self
            .endings
            .first()
            .is_some_and(|(until, ..)| *until <= now)
            && let Some((_, handle, user_id)) = self.endings.pop_first()
            && let Some(unseen) = self.unseen.get_mut(&handle)
        {
            unseen.remove(&user_id);
            if unseen.is_empty() {
                self.unseen.remove(&handle);
            }
        }
    }

    fn update_session(
        &mut self,
        handle: &SessionHandle,
        user_id: Option<&str>,
        opened: Version,
        update: &Update,
    ) -> bool {
        if self.revoked.contains(handle) {
            return false;
        }
        let known = self.sessions.get(handle).cloned();
        let is_new = known.is_none();
        let mut session =
            known.unwrap_or_else(|| SessionRow::new(FieldSet::default(), None, opened));
        let changed = session.apply(user_id, opened, update);
        if self.was_revoked(handle, &session) {
            return self.sessions.remove(handle).is_some();
        }
        if self.is_dead(&session) {
            self.revoked.insert(handle.clone());
            return self.sessions.remove(handle).is_some();
        }
        self.sessions.insert(handle.clone(), session);
        changed || is_new
    }

    /// Returns whether the session was revoked before it was seen.
    fn was_revoked(&self, handle: &SessionHandle, session: &SessionRow) -> bool {
        let matches_user = |user_id: &Option<String>| {
            user_id.is_none() || session.user_id.is_none() || *user_id == session.user_id
        };
        let unseen = self.unseen.get(handle);
        unseen.is_some_and(|unseen| unseen.keys().any(matches_user))
    }

    fn is_dead(&self, session: &SessionRow) -> bool {
        session.user_id.as_ref().is_some_and(|user_id| {
            self.deleted.contains(user_id) || session.has_ended(self.users.get(user_id))
        })
    }
}

fn decode<T: DeserializeOwned>(record: &FieldSet) -> Result<T, StoreError> {
    record.decode().map_err(StoreError::corrupt)
}
