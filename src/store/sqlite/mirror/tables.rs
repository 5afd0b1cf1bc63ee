//! Applying a change to the tables.

use std::time::Duration;

use sqlx::SqliteConnection;

use super::sql::{DELETE_SESSION, DELETE_SESSIONS_OF, DELETE_USER};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::mirror::{FieldSet, MirrorChange, SessionRow, TablePrefix, Update, Version};
use crate::wire::event::SessionHandle;

/// The mirror's tables within one transaction.
pub(super) struct MirrorTables<'c> {
    pub(super) conn: &'c mut SqliteConnection,
    pub(super) prefix: &'c TablePrefix,
    pub(super) now: UnixMillis,
}

impl MirrorTables<'_> {
    /// Applies a change. Returns whether it changed a row.
    pub(super) async fn apply(
        &mut self,
        change: &MirrorChange,
        longest_session: Duration,
    ) -> Result<bool, StoreError> {
        match change {
            MirrorChange::User {
                id,
                update,
                sessions_ended,
            } => self.update_user(id, update, *sessions_ended).await,
            MirrorChange::UserDeleted { id } => self.delete_user(id).await,
            MirrorChange::Session {
                handle,
                user_id,
                opened,
                update,
            } => {
                let user_id = user_id.as_deref();
                self.update_session(handle, user_id, *opened, update).await
            }
            MirrorChange::SessionRevoked { handle, user_id } => {
                let until = self.now.saturating_add(longest_session);
                self.revoke(handle, user_id.as_deref(), until).await
            }
        }
    }

    async fn update_user(
        &mut self,
        id: &str,
        update: &Update,
        sessions_ended: Option<Version>,
    ) -> Result<bool, StoreError> {
        if self.has_tombstone("user", id).await? {
            return Ok(false);
        }
        let mut user = self.user(id).await?.unwrap_or_default();
        let ended_before = user.sessions_ended;
        let changed = user.apply(update, sessions_ended);
        if changed {
            self.upsert_user(id, &user).await?;
        }
        if let Some(ended) = user
            .sessions_ended
            .filter(|_| user.sessions_ended != ended_before)
        {
            self.end_sessions(id, ended).await?;
        }
        Ok(changed)
    }

    async fn delete_user(&mut self, id: &str) -> Result<bool, StoreError> {
        self.delete(DELETE_USER, id).await?;
        self.insert_tombstones_of(id).await?;
        self.delete(DELETE_SESSIONS_OF, id).await?;
        self.insert_tombstone("user", id).await
    }

    async fn update_session(
        &mut self,
        handle: &SessionHandle,
        user_id: Option<&str>,
        opened: Version,
        update: &Update,
    ) -> Result<bool, StoreError> {
        if self.has_tombstone("session", handle.as_str()).await? {
            return Ok(false);
        }
        let stored = self.session(handle).await?;
        let is_new = stored.is_none();
        let mut session =
            stored.unwrap_or_else(|| SessionRow::new(FieldSet::default(), None, opened));
        let changed = session.apply(user_id, opened, update) || is_new;
        if self.was_revoked(handle, &session).await? {
            return self.delete(DELETE_SESSION, handle.as_str()).await;
        }
        if self.has_ended(&session).await? {
            self.insert_tombstone("session", handle.as_str()).await?;
            return self.delete(DELETE_SESSION, handle.as_str()).await;
        }
        if changed {
            self.upsert_session(handle, &session).await?;
        }
        Ok(changed)
    }

    async fn revoke(
        &mut self,
        handle: &SessionHandle,
        user_id: Option<&str>,
        until: UnixMillis,
    ) -> Result<bool, StoreError> {
        if self.has_tombstone("session", handle.as_str()).await? {
            return Ok(false);
        }
        let session = self.session(handle).await?;
        let is_of_another = |session: &SessionRow| session.is_of_another(user_id);
        if session.as_ref().is_some_and(is_of_another) {
            return Ok(false);
        }
        let removed = self.delete(DELETE_SESSION, handle.as_str()).await?;
        if session.is_some_and(|session| session.user_id.is_some() || user_id.is_none()) {
            return self.insert_tombstone("session", handle.as_str()).await;
        }
        self.delete_ended_revocations().await?;
        let inserted = self.insert_revocation(handle, user_id, until).await?;
        Ok(inserted || removed)
    }

    /// Returns whether the session ended with its user.
    async fn has_ended(&mut self, session: &SessionRow) -> Result<bool, StoreError> {
        let Some(user_id) = &session.user_id else {
            return Ok(false);
        };
        let user = self.user(user_id).await?;
        Ok(session.has_ended(user.as_ref()) || self.has_tombstone("user", user_id).await?)
    }
}
