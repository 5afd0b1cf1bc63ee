//! The tables of each port and their versions.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Error, SqlSafeStr};

use super::SqliteStore;
use super::error::store_error;
use crate::store_error::StoreError;

/// The tables of one port: the table that holds their version, and one script per version.
///
/// A script that was released is never changed: its checksum is compared.
pub(crate) struct Port {
    /// Names the port in errors.
    pub(crate) name: &'static str,
    /// `tas_migrations_<port>`.
    pub(crate) version_table: Cow<'static, str>,
    /// The scripts of version 1, 2, … with a title each.
    pub(crate) scripts: Cow<'static, [(&'static str, Cow<'static, str>)]>,
}

pub(super) const DELIVERY: Port = Port {
    name: "delivery",
    version_table: Cow::Borrowed("tas_migrations_delivery"),
    scripts: Cow::Borrowed(&[(
        "events, endpoints, deliveries, attempts",
        Cow::Borrowed(include_str!("migrations/delivery/0001_tables.sql")),
    )]),
};

impl SqliteStore {
    /// Brings one port's tables up to date, in one transaction.
    pub(crate) async fn migrate_port(&self, port: &Port) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        port.migrator()
            .run_direct(None, write.conn(), false)
            .await
            .map_err(|cause| port.error(cause))?;
        write.commit().await
    }
}

impl Port {
    fn migrator(&self) -> Migrator {
        let scripts = (1..).zip(self.scripts.iter());
        let migrations = scripts.map(|(version, (title, script))| {
            let title = Cow::Borrowed(*title);
            let script = AssertSqlSafe(script.clone().into_owned()).into_sql_str();
            Migration::new(version, title, MigrationType::Simple, script, false)
        });
        let mut migrator = Migrator::with_migrations(migrations.collect());
        migrator.dangerous_set_table_name(self.version_table.clone());
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
            MigrateError::Execute(cause) => store_error(cause),
            MigrateError::ExecuteMigration(cause @ Error::Database(_), _) => {
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
