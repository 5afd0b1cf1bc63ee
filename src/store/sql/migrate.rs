//! The tables of each port and their versions, for any SQL store.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use crate::base::error::StoreError;

/// The tables of one port: their version table, and one script for each version.
///
/// A released script never changes: its checksum is compared.
pub(crate) struct Port {
    /// The port's name in errors.
    pub(crate) name: &'static str,
    /// `tas_migrations_<port>`.
    pub(crate) version_table: Cow<'static, str>,
    /// The scripts of version 1, 2, …, each with a title.
    pub(crate) scripts: Cow<'static, [Script]>,
}

/// A title and the statements.
pub(crate) type Script = (&'static str, Cow<'static, str>);

impl Port {
    /// Returns the migrator. Each script runs in a transaction of its own, or all scripts run in the
    /// caller's.
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

    /// Classifies a failed migration. `classify` classifies the driver's errors.
    pub(crate) fn error(
        &self,
        cause: MigrateError,
        classify: fn(sqlx::Error) -> StoreError,
    ) -> StoreError {
        match cause {
            MigrateError::VersionMissing(found) => StoreError::future_migration(FutureVersion {
                port: self.name,
                found,
                known: self.scripts.len(),
            }),
            // The version table failed: the database is not as it must be, or cannot be reached.
            MigrateError::Execute(cause) => classify(cause),
            MigrateError::ExecuteMigration(cause, _) => {
                let error = classify(cause);
                if error.is_unavailable() {
                    error
                } else {
                    StoreError::migration(error)
                }
            }
            other => StoreError::migration(other),
        }
    }
}

/// A newer version of this crate changed the tables.
#[derive(Debug, thiserror::Error)]
#[error("the {port} tables have version {found}, this build knows versions up to {known}")]
struct FutureVersion {
    port: &'static str,
    found: i64,
    known: usize,
}
