//! The statements on rows, within one transaction.

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite};

use super::sql::{
    DELETE_ENDED_REVOCATIONS, DELETE_SESSIONS_OPENED, INSERT_REVOCATION, INSERT_TOMBSTONE,
    INSERT_TOMBSTONES_OF, INSERT_TOMBSTONES_OPENED, SELECT_REVOCATION, SELECT_SESSION,
    SELECT_TOMBSTONE, SELECT_USER, UPSERT_SESSION, UPSERT_USER, with_prefix,
};
use super::tables::MirrorTables;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::mirror::{FieldSet, SessionRow, UserRow, Version};
use crate::store::sql::columns::{optional_time, time, to_column};
use crate::store::sqlite::error::store_error;
use crate::wire::event::{Session, SessionHandle, User};

impl MirrorTables<'_> {
    pub(super) async fn user(&mut self, id: &str) -> Result<Option<UserRow>, StoreError> {
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

    pub(super) async fn session(
        &mut self,
        handle: &SessionHandle,
    ) -> Result<Option<SessionRow>, StoreError> {
        let sql = self.sql(SELECT_SESSION);
        let row: Option<SessionColumns> = sqlx::query_as(sql)
            .bind(handle.as_str())
            .fetch_optional(&mut *self.conn)
            .await
            .map_err(store_error)?;
        let read = |(data, versions, user_id, server, sender): SessionColumns| {
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

    pub(super) async fn upsert_user(&mut self, id: &str, row: &UserRow) -> Result<(), StoreError> {
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

    pub(super) async fn upsert_session(
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

    /// Deletes the user's sessions up to `ended`, and inserts their tombstones.
    pub(super) async fn end_sessions(
        &mut self,
        user_id: &str,
        ended: Version,
    ) -> Result<(), StoreError> {
        for sql in [INSERT_TOMBSTONES_OPENED, DELETE_SESSIONS_OPENED] {
            let query = sqlx::query(self.sql(sql))
                .bind(user_id.to_owned())
                .bind(ended.server().map(to_column))
                .bind(to_column(ended.sender()));
            self.execute(query).await?;
        }
        Ok(())
    }

    /// Deletes rows. Returns whether there was one.
    pub(super) async fn delete(
        &mut self,
        sql: &'static str,
        key: &str,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query(self.sql(sql)).bind(key.to_owned());
        Ok(self.execute(query).await? > 0)
    }

    /// Inserts a tombstone. Returns whether it is new.
    pub(super) async fn insert_tombstone(
        &mut self,
        kind: &'static str,
        id: &str,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query(self.sql(INSERT_TOMBSTONE))
            .bind(kind)
            .bind(id.to_owned());
        Ok(self.execute(query).await? > 0)
    }

    pub(super) async fn has_tombstone(
        &mut self,
        kind: &'static str,
        id: &str,
    ) -> Result<bool, StoreError> {
        sqlx::query_scalar(self.sql(SELECT_TOMBSTONE))
            .bind(kind)
            .bind(id)
            .fetch_one(&mut *self.conn)
            .await
            .map_err(store_error)
    }

    /// Inserts tombstones for all sessions of a user.
    pub(super) async fn insert_tombstones_of(&mut self, user_id: &str) -> Result<(), StoreError> {
        let query = sqlx::query(self.sql(INSERT_TOMBSTONES_OF)).bind(user_id.to_owned());
        self.execute(query).await.map(drop)
    }

    pub(super) async fn delete_ended_revocations(&mut self) -> Result<(), StoreError> {
        let query = sqlx::query(self.sql(DELETE_ENDED_REVOCATIONS)).bind(to_column(self.now));
        self.execute(query).await.map(drop)
    }

    /// Inserts a revocation. Returns whether it is new.
    pub(super) async fn insert_revocation(
        &mut self,
        handle: &SessionHandle,
        user_id: Option<&str>,
        until: UnixMillis,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query(self.sql(INSERT_REVOCATION))
            .bind(handle.as_str().to_owned())
            .bind(user_id.unwrap_or_default().to_owned())
            .bind(to_column(until));
        Ok(self.execute(query).await? > 0)
    }

    /// Returns whether the session was revoked before the mirror knew it.
    pub(super) async fn was_revoked(
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

    async fn execute(
        &mut self,
        query: Query<'_, Sqlite, SqliteArguments>,
    ) -> Result<u64, StoreError> {
        let done = query.execute(&mut *self.conn).await.map_err(store_error)?;
        Ok(done.rows_affected())
    }

    fn sql(&self, sql: &'static str) -> AssertSqlSafe<String> {
        AssertSqlSafe(with_prefix(sql, self.prefix).into_owned())
    }
}

/// `data`, `versions`, `user_id`, `opened_by_server`, `opened_by_sender`.
type SessionColumns = (String, String, Option<String>, Option<i64>, i64);
