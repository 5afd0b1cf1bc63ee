//! The tables of each port and their versions, in any SQL store.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use crate::base::error::StoreError;

/// The tables of one port: the table that holds their version, and one script per version.
///
/// A script that was released is never changed: its checksum is compared.
pub(crate) struct Port {
    /// Names the port in errors.
    pub(crate) name: &'static str,
    /// `tas_migrations_<port>`.
    pub(crate) version_table: Cow<'static, str>,
    /// The scripts of version 1, 2, … with a title each.
    pub(crate) scripts: Cow<'static, [Script]>,
}

/// A title and the statements.
pub(crate) type Script = (&'static str, Cow<'static, str>);

impl Port {
    /// Each script runs in a transaction of its own, or all run in the caller's.
    pub(crate) fn migrator(&self, in_own_transaction: bool) -> Migrator {
        let scripts = (1..).zip(self.scripts.iter());
        let migrations = scripts.map(|(version, (title, script))| {
            let title = Cow::Borrowed(*title);
            let script = AssertSqlSafe(script.clone().into_owned()).into_sql_str();
            Migration::new(
                version,
                title,
                MigrationType::Simple,
                script,
                !in_own_transaction,
            )
        });
        let mut migrator = Migrator::with_migrations(migrations.collect());
        migrator.dangerous_set_table_name(self.version_table.clone());
        migrator
    }

    /// Says what a failed migration means; `sort` knows the driver's errors.
    pub(crate) fn error(
        &self,
        cause: MigrateError,
        sort: fn(sqlx::Error) -> StoreError,
    ) -> StoreError {
        match cause {
            MigrateError::VersionMissing(found) => StoreError::future_migration(FutureVersion {
                port: self.name,
                found,
                known: self.scripts.len(),
            }),
            // Of the table of versions: the database is not as it must be, or cannot be reached.
            MigrateError::Execute(cause) => sort(cause),
            MigrateError::ExecuteMigration(cause, _) => {
                let sorted = sort(cause);
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
