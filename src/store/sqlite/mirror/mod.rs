//! The mirror in ordinary tables.

mod sql;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, SqliteConnection, query::Query};

use self::sql::{
    BURY_SESSIONS_OF, BURY_SESSIONS_OPENED, DELETE_ENDED_REVOCATIONS, DELETE_SESSION,
    DELETE_SESSIONS_OF, DELETE_SESSIONS_OPENED, DELETE_USER, INSERT_REVOCATION, INSERT_TOMBSTONE,
    SELECT_REVOCATION, SELECT_SESSION, SELECT_SESSION_RECORD, SELECT_SESSIONS_OF, SELECT_TOMBSTONE,
    SELECT_USER, SELECT_USER_RECORD, UPSERT_SESSION, UPSERT_USER,
};
use super::SqliteStore;
use super::error::store_error;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::mirror::{
    Applied, FieldSet, MirrorChange, MirrorStore, SessionRow, TablePrefix, Update, UserRow, Version,
};
use crate::store::sql::columns::{optional_time, time, to_column};
use crate::store::sql::migrate::Port;
use crate::wire::event::{Session, SessionHandle, User};

/// The mirror in a SQLite database; made by [`SqliteStore::mirror`].
///
/// Copies are cheap and share the connections. Its tables, named for the default prefix:
///
/// * `auth_users`, one row per living user: `id`, `email`, `email_verified`, `name`, `username`,
///   `image`, `role`, `banned`, `ban_expires`, `two_factor_enabled`, `created_at`, `updated_at`, and
///   `data`, a JSON object with all fields;
/// * `auth_sessions`, one row per session that was not revoked: `handle`, `id`, `user_id`,
///   `expires_at`, `ip_address`, `user_agent`, `impersonated_by`, `active_organization_id`,
///   `created_at`, `updated_at`, `data`;
/// * `auth_tombstones`, the ids of what is gone;
/// * `auth_revocations`, the sessions that were revoked before they were seen, with the time after
///   which none can live any more.
///
/// Version are milliseconds since 1970. Read and join the tables as you like, and leave writing to the
/// mirror; a foreign key to them should say `ON DELETE`, or a deletion fails until the row that
/// refers to it is gone.
#[derive(Clone)]
pub struct SqliteMirror {
    store: SqliteStore,
    prefix: TablePrefix,
}

impl SqliteStore {
    /// Makes the mirror's tables in this database, or brings them up to date, and returns a mirror
    /// on them. May be called again.
    ///
    /// # Errors
    ///
    /// As for [`migrate`](Self::migrate); [`StoreError::is_migration`] also if the application has
    /// a table of one of the names.
    pub async fn mirror(&self, prefix: TablePrefix) -> Result<SqliteMirror, StoreError> {
        self.migrate_port(&port(&prefix)).await?;
        let store = self.clone();
        Ok(SqliteMirror { store, prefix })
    }
}

/// Mirrors with different prefixes may share a database, so each has a version table of its own.
fn port(prefix: &TablePrefix) -> Port {
    let tables = include_str!("../migrations/mirror/0001_tables.sql");
    let revocations = include_str!("../migrations/mirror/0002_revocations.sql");
    let version_table = if *prefix == TablePrefix::default() {
        Cow::Borrowed("tas_migrations_mirror")
    } else {
        Cow::Owned(format!("tas_migrations_mirror_{prefix}"))
    };
    Port {
        name: "mirror",
        version_table,
        scripts: vec![
            ("users, sessions, tombstones", named(tables, prefix)),
            ("revocations", named(revocations, prefix)),
        ]
        .into(),
    }
}

/// Puts the prefix into statements, which are written for the default one.
fn named(sql: &'static str, prefix: &TablePrefix) -> Cow<'static, str> {
    let default = TablePrefix::default();
    if *prefix == default {
        Cow::Borrowed(sql)
    } else {
        Cow::Owned(sql.replace(default.as_str(), prefix.as_str()))
    }
}

impl fmt::Debug for SqliteMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteMirror")
            .field("store", &self.store)
            .field("prefix", &self.prefix.as_str())
            .finish()
    }
}

impl MirrorStore for SqliteMirror {
    async fn apply(
        &self,
        change: &MirrorChange,
        now: UnixMillis,
        longest_session: Duration,
    ) -> Result<Applied, StoreError> {
        let mut write = self.store.write().await?;
        let mut tables = Tables {
            conn: write.conn(),
            prefix: &self.prefix,
            now,
        };
        let changed = tables.apply(change, longest_session).await?;
        write.commit().await?;
        Ok(Applied::changed(changed))
    }

    async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
        let mut rows = self.read(SELECT_USER_RECORD, id).await?;
        Ok(rows.pop())
    }

    async fn session(&self, handle: &SessionHandle) -> Result<Option<Session>, StoreError> {
        let mut rows = self.read(SELECT_SESSION_RECORD, handle.as_str()).await?;
        Ok(rows.pop())
    }

    async fn sessions_of(&self, user_id: &str) -> Result<Vec<Session>, StoreError> {
        self.read(SELECT_SESSIONS_OF, user_id).await
    }
}

impl SqliteMirror {
    async fn read<T: DeserializeOwned>(
        &self,
        sql: &'static str,
        key: &str,
    ) -> Result<Vec<T>, StoreError> {
        let sql = AssertSqlSafe(named(sql, &self.prefix).into_owned());
        let rows: Vec<(String, String)> = sqlx::query_as(sql)
            .bind(key)
            .fetch_all(self.store.reader())
            .await
            .map_err(store_error)?;
        let decode =
            |(data, versions): (String, String)| FieldSet::from_json(&data, &versions)?.decode();
        let rows = rows.into_iter().map(decode);
        rows.collect::<Result<_, _>>().map_err(StoreError::corrupt)
    }
}

/// `data`, `versions`, `user_id`, `opened_by_server`, `opened_by_sender`.
type StoredSession = (String, String, Option<String>, Option<i64>, i64);

/// The tables within one transaction.
struct Tables<'c> {
    conn: &'c mut SqliteConnection,
    prefix: &'c TablePrefix,
    now: UnixMillis,
}

impl Tables<'_> {
    async fn apply(
        &mut self,
        change: &MirrorChange,
        longest_session: Duration,
    ) -> Result<bool, StoreError> {
        match change {
            MirrorChange::User {
                id,
                update,
                sessions_ended,
            } => self.tell_user(id, update, *sessions_ended).await,
            MirrorChange::UserDeleted { id } => self.delete_user(id).await,
            MirrorChange::Session {
                handle,
                user_id,
                opened,
                update,
            } => {
                let user_id = user_id.as_deref();
                self.tell_session(handle, user_id, *opened, update).await
            }
            MirrorChange::SessionRevoked { handle, user_id } => {
                let until = self.now.saturating_add(longest_session);
                self.revoke(handle, user_id.as_deref(), until).await
            }
        }
    }

    async fn tell_user(
        &mut self,
        id: &str,
        update: &Update,
        sessions_ended: Option<Version>,
    ) -> Result<bool, StoreError> {
        if self.is_buried("user", id).await? {
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
        self.execute(sqlx::query(self.sql(BURY_SESSIONS_OF)).bind(id.to_owned()))
            .await?;
        self.delete(DELETE_SESSIONS_OF, id).await?;
        self.bury("user", id).await
    }

    async fn tell_session(
        &mut self,
        handle: &SessionHandle,
        user_id: Option<&str>,
        opened: Version,
        update: &Update,
    ) -> Result<bool, StoreError> {
        if self.is_buried("session", handle.as_str()).await? {
            return Ok(false);
        }
        let known = self.session(handle).await?;
        let is_new = known.is_none();
        let mut session =
            known.unwrap_or_else(|| SessionRow::new(FieldSet::default(), None, opened));
        let changed = session.apply(user_id, opened, update) || is_new;
        if self.was_revoked(handle, &session).await? {
            return self.delete(DELETE_SESSION, handle.as_str()).await;
        }
        if self.is_dead(&session).await? {
            self.bury("session", handle.as_str()).await?;
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
        if self.is_buried("session", handle.as_str()).await? {
            return Ok(false);
        }
        let session = self.session(handle).await?;
        if session.as_ref().is_some_and(|it| it.is_of_another(user_id)) {
            return Ok(false);
        }
        let removed = self.delete(DELETE_SESSION, handle.as_str()).await?;
        if session.is_some_and(|it| it.user_id.is_some() || user_id.is_none()) {
            return self.bury("session", handle.as_str()).await;
        }
        let query = sqlx::query(self.sql(DELETE_ENDED_REVOCATIONS)).bind(to_column(self.now));
        self.execute(query).await?;
        let query = sqlx::query(self.sql(INSERT_REVOCATION))
            .bind(handle.as_str().to_owned())
            .bind(user_id.unwrap_or_default().to_owned())
            .bind(to_column(until));
        Ok(self.execute(query).await? > 0 || removed)
    }

    /// Whether it was revoked before it was seen.
    async fn was_revoked(
        &mut self,
        handle: &SessionHandle,
        session: &SessionRow,
    ) -> Result<bool, StoreError> {
        sqlx::query_scalar(self.sql(SELECT_REVOCATION))
            .bind(handle.as_str())
            .bind(to_column(self.now))
            .bind(session.user_id.as_deref())
            .fetch_one(&mut *self.conn)
            .await
            .map_err(store_error)
    }

    async fn is_dead(&mut self, session: &SessionRow) -> Result<bool, StoreError> {
        let Some(user_id) = &session.user_id else {
            return Ok(false);
        };
        let user = self.user(user_id).await?;
        Ok(session.has_ended(user.as_ref()) || self.is_buried("user", user_id).await?)
    }

    async fn user(&mut self, id: &str) -> Result<Option<UserRow>, StoreError> {
        let sql = self.sql(SELECT_USER);
        let row: Option<(String, String, Option<i64>, Option<i64>)> = sqlx::query_as(sql)
            .bind(id)
            .fetch_optional(&mut *self.conn)
            .await
            .map_err(store_error)?;
        let read = |(data, versions, server, sender): (String, String, _, _)| {
            let record = FieldSet::from_json(&data, &versions).map_err(StoreError::corrupt)?;
            let server = optional_time("sessions_ended_by_server", server)?;
            let sender = optional_time("sessions_ended_by_sender", sender)?;
            let ended = sender.map(|sender| Version::new(server, sender));
            Ok(UserRow::new(record, ended))
        };
        row.map(read).transpose()
    }

    async fn session(&mut self, handle: &SessionHandle) -> Result<Option<SessionRow>, StoreError> {
        let sql = self.sql(SELECT_SESSION);
        let row: Option<StoredSession> = sqlx::query_as(sql)
            .bind(handle.as_str())
            .fetch_optional(&mut *self.conn)
            .await
            .map_err(store_error)?;
        let read = |(data, versions, user_id, server, sender): StoredSession| {
            let record = FieldSet::from_json(&data, &versions).map_err(StoreError::corrupt)?;
            let server = optional_time("opened_by_server", server)?;
            let sender = time("opened_by_sender", sender)?;
            Ok(SessionRow::new(
                record,
                user_id,
                Version::new(server, sender),
            ))
        };
        row.map(read).transpose()
    }

    async fn upsert_user(&mut self, id: &str, row: &UserRow) -> Result<(), StoreError> {
        let user: User = row.record.decode().map_err(StoreError::corrupt)?;
        let query = sqlx::query(self.sql(UPSERT_USER))
            .bind(id)
            .bind(user.email)
            .bind(user.email_verified)
            .bind(user.name)
            .bind(user.username)
            .bind(user.image)
            .bind(user.role)
            .bind(user.banned)
            .bind(user.ban_expires.map(to_column))
            .bind(user.two_factor_enabled)
            .bind(user.created_at.map(to_column))
            .bind(user.updated_at.map(to_column))
            .bind(row.sessions_ended.and_then(Version::server).map(to_column))
            .bind(row.sessions_ended.map(Version::sender).map(to_column))
            .bind(row.record.data())
            .bind(row.record.versions());
        self.execute(query).await.map(drop)
    }

    async fn upsert_session(
        &mut self,
        handle: &SessionHandle,
        row: &SessionRow,
    ) -> Result<(), StoreError> {
        let session: Session = row.record.decode().map_err(StoreError::corrupt)?;
        let query = sqlx::query(self.sql(UPSERT_SESSION))
            .bind(handle.as_str().to_owned())
            .bind(session.id)
            .bind(row.user_id.clone())
            .bind(session.expires_at.map(to_column))
            .bind(session.ip_address)
            .bind(session.user_agent)
            .bind(session.impersonated_by)
            .bind(session.active_organization_id)
            .bind(session.created_at.map(to_column))
            .bind(session.updated_at.map(to_column))
            .bind(row.opened.server().map(to_column))
            .bind(to_column(row.opened.sender()))
            .bind(row.record.data())
            .bind(row.record.versions());
        self.execute(query).await.map(drop)
    }

    async fn end_sessions(&mut self, user_id: &str, ended: Version) -> Result<(), StoreError> {
        for sql in [BURY_SESSIONS_OPENED, DELETE_SESSIONS_OPENED] {
            let query = sqlx::query(self.sql(sql))
                .bind(user_id.to_owned())
                .bind(ended.server().map(to_column))
                .bind(to_column(ended.sender()));
            self.execute(query).await?;
        }
        Ok(())
    }

    /// Returns whether there was a row.
    async fn delete(&mut self, sql: &'static str, key: &str) -> Result<bool, StoreError> {
        let query = sqlx::query(self.sql(sql)).bind(key.to_owned());
        Ok(self.execute(query).await? > 0)
    }

    /// Returns whether the tombstone is new.
    async fn bury(&mut self, kind: &'static str, id: &str) -> Result<bool, StoreError> {
        let query = sqlx::query(self.sql(INSERT_TOMBSTONE))
            .bind(kind)
            .bind(id.to_owned());
        Ok(self.execute(query).await? > 0)
    }

    async fn is_buried(&mut self, kind: &'static str, id: &str) -> Result<bool, StoreError> {
        sqlx::query_scalar(self.sql(SELECT_TOMBSTONE))
            .bind(kind)
            .bind(id)
            .fetch_one(&mut *self.conn)
            .await
            .map_err(store_error)
    }

    async fn execute(
        &mut self,
        query: Query<'_, sqlx::Sqlite, SqliteArguments>,
    ) -> Result<u64, StoreError> {
        let done = query.execute(&mut *self.conn).await.map_err(store_error)?;
        Ok(done.rows_affected())
    }

    fn sql(&self, sql: &'static str) -> AssertSqlSafe<String> {
        AssertSqlSafe(named(sql, self.prefix).into_owned())
    }
}
