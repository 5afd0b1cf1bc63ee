//! The tables of each port and their versions.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::PostgresStore;
use super::error::store_error;
use crate::store_error::StoreError;

/// The tables of one port: the table that holds their version, and one script per version.
///
/// A script that was released is never changed: its checksum is compared.
pub(super) struct Port {
    /// Names the port in errors.
    pub(super) name: &'static str,
    /// `tas_migrations_<port>`.
    pub(super) version_table: &'static str,
    /// The scripts of version 1, 2, … with a title each.
    pub(super) scripts: &'static [(&'static str, &'static str)],
}

impl PostgresStore {
    /// Brings one port's tables up to date, each version in a transaction of its own.
    pub(super) async fn migrate_port(&self, port: &Port) -> Result<(), StoreError> {
        // The advisory lock belongs to the session: on a connection of its own it ends with this
        // future, even if that is dropped half-way.
        let mut session = self.pool.acquire().await.map_err(store_error)?.detach();
        port.migrator()
            .run_direct(None, &mut session, false)
            .await
            .map_err(|cause| port.error(cause))?;
        sqlx::Connection::close(session).await.map_err(store_error)
    }
}

impl Port {
    fn migrator(&self) -> Migrator {
        let scripts = (1..).zip(self.scripts);
        let migrations = scripts.map(|(version, (title, script))| {
            let (title, script) = (Cow::Borrowed(*title), script.into_sql_str());
            Migration::new(version, title, MigrationType::Simple, script, false)
        });
        let mut migrator = Migrator::with_migrations(migrations.collect());
        migrator.dangerous_set_table_name(self.version_table);
        migrator
    }

    fn error(&self, cause: MigrateError) -> StoreError {
        let known = self.scripts.len();
        match cause {
            MigrateError::VersionMissing(found) => StoreError::future_migration(FutureVersion {
                port: self.name,
                found,
                known,
            }),
            MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => {
                let sorted = store_error(cause);
                if sorted.is_unavailable() {
                    sorted
                } else {
                    StoreError::migration(sorted)
                }
            }
            other => StoreError::migration(other),
        }
    }
}

/// A newer version of this crate has changed the tables.
#[derive(Debug, thiserror::Error)]
#[error("the {port} tables have version {found}, this build knows versions up to {known}")]
struct FutureVersion {
    port: &'static str,
    found: i64,
    known: usize,
}
