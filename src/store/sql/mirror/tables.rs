//! Applying a change to the tables, within one transaction.

use std::time::Duration;

use super::rows::{SessionColumns, UserColumns, upsert_session, upsert_user};
use super::sql::{
    DELETE_ENDED_REVOCATIONS, DELETE_SESSION, DELETE_SESSIONS_OF, DELETE_SESSIONS_OPENED,
    DELETE_USER, INSERT_REVOCATION, INSERT_TOMBSTONE, INSERT_TOMBSTONES_OF,
    INSERT_TOMBSTONES_OPENED, SELECT_REVOCATION, SELECT_SESSION, SELECT_TOMBSTONE, SELECT_USER,
    statement,
};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::mirror::{
    FieldSet, MirrorChange, SessionRow, TablePrefix, Update, UserRow, Version,
};
use crate::store::sql::connection::{Reads, SqlConnection};
use crate::store::sql::statement::Statement;
use crate::wire::event::SessionHandle;

/// The mirror's tables within one transaction.
pub(crate) struct MirrorTables<'c, C> {
    pub(crate) conn: &'c mut C,
    pub(crate) prefix: &'c TablePrefix,
    pub(crate) now: UnixMillis,
}

impl<C> MirrorTables<'_, C>
where
    C: SqlConnection<Database: Reads<UserColumns> + Reads<SessionColumns> + Reads<(bool,)>>,
{
    /// Applies a change. Returns whether it changed a row.
    pub(crate) async fn apply(
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
            self.execute(upsert_user(self.prefix, id, &user)?).await?;
        }
        if let Some(ended) = user
            .sessions_ended
            .filter(|_| user.sessions_ended != ended_before)
        {
            for sql in [INSERT_TOMBSTONES_OPENED, DELETE_SESSIONS_OPENED] {
                let end_sessions = self.sql(sql).text(id).time(ended.server());
                self.execute(end_sessions.time(ended.sender())).await?;
            }
        }
        Ok(changed)
    }

    async fn delete_user(&mut self, id: &str) -> Result<bool, StoreError> {
        for sql in [DELETE_USER, INSERT_TOMBSTONES_OF, DELETE_SESSIONS_OF] {
            self.execute(self.sql(sql).text(id)).await?;
        }
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
            return self.delete_session(handle).await;
        }
        if self.has_ended(&session).await? {
            self.insert_tombstone("session", handle.as_str()).await?;
            return self.delete_session(handle).await;
        }
        if changed {
            self.execute(upsert_session(self.prefix, handle, &session)?)
                .await?;
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
        let removed = self.delete_session(handle).await?;
        if session.is_some_and(|session| session.user_id.is_some() || user_id.is_none()) {
            return self.insert_tombstone("session", handle.as_str()).await;
        }
        let delete_ended = self.sql(DELETE_ENDED_REVOCATIONS).time(self.now);
        self.execute(delete_ended).await?;
        let insert = self.sql(INSERT_REVOCATION).text(handle.as_str());
        let insert = insert.text(user_id.unwrap_or_default()).time(until);
        Ok(self.execute(insert).await? || removed)
    }

    async fn user(&mut self, id: &str) -> Result<Option<UserRow>, StoreError> {
        let select = self.sql(SELECT_USER).text(id);
        let row: Option<UserColumns> = self.conn.fetch_optional(select).await?;
        row.map(UserRow::try_from).transpose()
    }

    async fn session(&mut self, handle: &SessionHandle) -> Result<Option<SessionRow>, StoreError> {
        let select = self.sql(SELECT_SESSION).text(handle.as_str());
        let row: Option<SessionColumns> = self.conn.fetch_optional(select).await?;
        row.map(SessionRow::try_from).transpose()
    }

    /// Returns whether there was a row.
    async fn delete_session(&mut self, handle: &SessionHandle) -> Result<bool, StoreError> {
        self.execute(self.sql(DELETE_SESSION).text(handle.as_str()))
            .await
    }

    /// Returns whether the tombstone is new.
    async fn insert_tombstone(&mut self, kind: &str, id: &str) -> Result<bool, StoreError> {
        self.execute(self.sql(INSERT_TOMBSTONE).text(kind).text(id))
            .await
    }

    async fn has_tombstone(&mut self, kind: &str, id: &str) -> Result<bool, StoreError> {
        self.is_true(self.sql(SELECT_TOMBSTONE).text(kind).text(id))
            .await
    }

    /// Returns whether the session was revoked before the mirror knew it.
    async fn was_revoked(
        &mut self,
        handle: &SessionHandle,
        session: &SessionRow,
    ) -> Result<bool, StoreError> {
        let select = self
            .sql(SELECT_REVOCATION)
            .text(handle.as_str())
            .time(self.now);
        self.is_true(select.text(session.user_id.as_deref())).await
    }

    /// Returns whether the session ended with its user.
    async fn has_ended(&mut self, session: &SessionRow) -> Result<bool, StoreError> {
        let Some(user_id) = &session.user_id else {
            return Ok(false);
        };
        let user = self.user(user_id).await?;
        Ok(session.has_ended(user.as_ref()) || self.has_tombstone("user", user_id).await?)
    }

    fn sql(&self, sql: &'static str) -> Statement {
        statement(sql, self.prefix)
    }

    /// Returns whether a row changed.
    async fn execute(&mut self, statement: Statement) -> Result<bool, StoreError> {
        Ok(self.conn.execute(statement).await? > 0)
    }

    async fn is_true(&mut self, select: Statement) -> Result<bool, StoreError> {
        let (answer,) = self.conn.fetch_one(select).await?;
        Ok(answer)
    }
}
