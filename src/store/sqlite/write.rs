//! The one way to write.

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::MutexGuard;

use super::error::{is_without_transaction, store_error};
use crate::base::error::StoreError;

/// A write transaction; undone when dropped before [`commit`](Self::commit).
///
/// A full disk or an I/O error makes SQLite end a transaction by itself. sqlx's own transactions do
/// not notice: they count, and a wrong count refuses every later one. This one sends the statements
/// itself; whoever ended it, the connection is then free for the next one, or closed.
pub(crate) struct Write<'a> {
    /// Gone once the transaction is committed.
    conn: Option<PoolConnection<Sqlite>>,
    // Given up last, so that the next writer finds the undoing already under way.
    _turn: MutexGuard<'a, ()>,
}

impl<'a> Write<'a> {
    /// Begins the transaction; waits for other processes.
    pub(super) async fn begin(
        pool: &SqlitePool,
        turn: MutexGuard<'a, ()>,
    ) -> Result<Self, StoreError> {
        let conn = pool.acquire().await.map_err(store_error)?;
        // Undone also if this future is dropped while SQLite begins.
        let mut write = Self {
            conn: Some(conn),
            _turn: turn,
        };
        run("BEGIN IMMEDIATE", write.conn()).await?;
        Ok(write)
    }

    /// The connection on which the transaction runs.
    #[expect(clippy::expect_used, reason = "only `commit` and `drop` take it")]
    pub(crate) fn conn(&mut self) -> &mut SqliteConnection {
        self.conn.as_mut().expect("the transaction is open")
    }

    /// Makes the changes lasting.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        run("COMMIT", self.conn()).await?;
        self.conn = None;
        Ok(())
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            tokio::spawn(undo(conn));
        }
    }
}

/// Undoes what is left of a transaction and gives the connection back, or closes it.
async fn undo(mut conn: PoolConnection<Sqlite>) {
    let undone = sqlx::raw_sql("ROLLBACK").execute(&mut *conn).await;
    if undone.is_err_and(|cause| !is_without_transaction(&cause)) {
        conn.close_on_drop();
    }
}

async fn run(statement: &'static str, conn: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::raw_sql(statement)
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}
