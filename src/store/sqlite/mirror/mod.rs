//! The mirror in ordinary tables.

mod rows;
mod sql;
mod tables;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use sqlx::AssertSqlSafe;

use self::sql::{SELECT_SESSION_FIELDS, SELECT_SESSIONS_OF, SELECT_USER_FIELDS, with_prefix};
use self::tables::MirrorTables;
use super::SqliteStore;
use super::error::store_error;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::mirror::{Applied, FieldSet, Mirror, MirrorChange, MirrorStore, TablePrefix};
use crate::store::sql::migrate::Port;
use crate::wire::event::{Session, SessionHandle, User};

/// The mirror in a SQLite database.
#[derive(Clone)]
struct SqliteMirror {
    store: SqliteStore,
    prefix: TablePrefix,
}

impl SqliteStore {
    /// Creates or migrates the mirror's tables in this database, and returns the mirror on them.
    /// Repeated calls are allowed. The tables, with the default prefix:
    ///
    /// * `auth_users`, one row per living user: `id`, `email`, `email_verified`, `name`, `username`,
    ///   `image`, `role`, `banned`, `ban_expires`, `two_factor_enabled`, `created_at`, `updated_at`,
    ///   and `data`, a JSON object with all fields;
    /// * `auth_sessions`, one row per session that was not revoked: `handle`, `id`, `user_id`,
    ///   `expires_at`, `ip_address`, `user_agent`, `impersonated_by`, `active_organization_id`,
    ///   `created_at`, `updated_at`, `data`;
    /// * `auth_tombstones`, the ids of deleted users and sessions;
    /// * `auth_revocations`, the sessions that were revoked before the mirror knew them, each with its
    ///   latest possible end.
    ///
    /// Times are milliseconds since 1970. Applications may read and join the tables; only the mirror
    /// writes them. A foreign key to them should say `ON DELETE`: otherwise a deletion fails until the
    /// row that refers to the deleted one is gone.
    ///
    /// ```
    /// use tower_auth_sync::mirror::TablePrefix;
    /// use tower_auth_sync::store::sqlite::SqliteStore;
    ///
    /// # async fn example(store: SqliteStore) -> Result<(), Box<dyn std::error::Error>> {
    /// let mirror = store.mirror(TablePrefix::new("crm_")?).await?;
    /// let user = mirror.user("user_1").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`migrate`](Self::migrate); [`StoreError::is_migration`] also if the application has
    /// a table with one of the names.
    pub async fn mirror(&self, prefix: TablePrefix) -> Result<Mirror, StoreError> {
        Ok(Mirror::new(self.mirror_tables(prefix).await?))
    }

    async fn mirror_tables(&self, prefix: TablePrefix) -> Result<SqliteMirror, StoreError> {
        self.migrate_port(&port(&prefix)).await?;
        let store = self.clone();
        Ok(SqliteMirror { store, prefix })
    }
}

/// Returns the tables of a mirror. Mirrors with different prefixes may share a database, so each has a
/// version table of its own.
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
            ("users, sessions, tombstones", with_prefix(tables, prefix)),
            ("revocations", with_prefix(revocations, prefix)),
        ]
        .into(),
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
        let mut tables = MirrorTables {
            conn: write.conn(),
            prefix: &self.prefix,
            now,
        };
        let changed = tables.apply(change, longest_session).await?;
        write.commit().await?;
        Ok(Applied::changed(changed))
    }

    async fn user(&self, id: &str) -> Result<Option<User>, StoreError> {
        let mut rows = self.read(SELECT_USER_FIELDS, id).await?;
        Ok(rows.pop())
    }

    async fn session(&self, handle: &SessionHandle) -> Result<Option<Session>, StoreError> {
        let mut rows = self.read(SELECT_SESSION_FIELDS, handle.as_str()).await?;
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
        let sql = AssertSqlSafe(with_prefix(sql, &self.prefix).into_owned());
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

#[cfg(test)]
mod tests;
