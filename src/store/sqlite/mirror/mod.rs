//! The mirror in ordinary tables.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::SqliteStore;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::mirror::{Applied, Mirror, MirrorChange, MirrorStore, TablePrefix};
use crate::store::sql::mirror::{
    FieldsRow, MirrorTables, port, select_session, select_sessions_of, select_user,
};
use crate::store::sql::statement::Statement;
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
        self.migrate_port(&port(&prefix, SCRIPTS)).await?;
        let store = self.clone();
        Ok(SqliteMirror { store, prefix })
    }
}

const SCRIPTS: [(&str, &str); 2] = [
    (
        "users, sessions, tombstones",
        include_str!("../migrations/mirror/0001_tables.sql"),
    ),
    (
        "revocations",
        include_str!("../migrations/mirror/0002_revocations.sql"),
    ),
];

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
        Ok(self.read(select_user(&self.prefix, id)).await?.pop())
    }

    async fn session(&self, handle: &SessionHandle) -> Result<Option<Session>, StoreError> {
        Ok(self.read(select_session(&self.prefix, handle)).await?.pop())
    }

    async fn sessions_of(&self, user_id: &str) -> Result<Vec<Session>, StoreError> {
        self.read(select_sessions_of(&self.prefix, user_id)).await
    }
}

impl SqliteMirror {
    async fn read<T: DeserializeOwned>(&self, select: Statement) -> Result<Vec<T>, StoreError> {
        let rows: Vec<FieldsRow> = select.fetch_all(self.store.reader()).await?;
        rows.into_iter().map(FieldsRow::decode).collect()
    }
}

#[cfg(test)]
mod tests;
