//! Migration of a port's tables.

use super::SqliteStore;
use super::error::store_error;
use crate::base::error::StoreError;
use crate::store::sql::migrate::Port;

impl SqliteStore {
    /// Migrates one port's tables, in one transaction.
    pub(crate) async fn migrate_port(&self, port: &Port) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        port.migrator(false)
            .run_direct(None, write.conn(), false)
            .await
            .map_err(|cause| port.error(cause, store_error))?;
        write.commit().await
    }
}
