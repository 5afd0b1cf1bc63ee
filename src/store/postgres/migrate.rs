//! Migration of a port's tables.

use super::PostgresStore;
use super::error::store_error;
use crate::base::error::StoreError;
use crate::store::sql::migrate::Port;

impl PostgresStore {
    /// Migrates one port's tables, each version in a transaction of its own.
    pub(super) async fn migrate_port(&self, port: &Port) -> Result<(), StoreError> {
        // The advisory lock belongs to the session. A connection of its own ends the lock with this
        // future, even if the future is dropped half-way.
        let mut session = self.pool.acquire().await.map_err(store_error)?.detach();
        port.migrator(true)
            .run_direct(None, &mut session, false)
            .await
            .map_err(|cause| port.error(cause, store_error))?;
        sqlx::Connection::close(session).await.map_err(store_error)
    }
}
