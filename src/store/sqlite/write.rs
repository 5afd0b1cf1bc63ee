//! Write transactions.

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::MutexGuard;

use super::error::{is_without_transaction, store_error};
use crate::base::error::StoreError;

/// A write transaction. A drop before [`commit`](Self::commit) rolls it back.
///
/// After a full disk or an I/O error SQLite ends a transaction by itself. sqlx's own transactions do
/// not notice: they count, and a wrong count refuses every later transaction. This type sends the
/// statements itself. However the transaction ends, the connection is then free for the next one, or
/// closed.
pub(crate) struct Write<'a> {
    /// `None` after the commit.
    conn: Option<PoolConnection<Sqlite>>,
    // Released last, so that the rollback starts before the next writer.
    _turn: MutexGuard<'a, ()>,
}

impl<'a> Write<'a> {
    /// Begins the transaction, after those of other processes.
    pub(super) async fn begin(
        pool: &SqlitePool,
        turn: MutexGuard<'a, ()>,
    ) -> Result<Self, StoreError> {
        let conn = pool.acquire().await.map_err(store_error)?;
        // The rollback also runs if this future is dropped while SQLite begins.
        let mut write = Self {
            conn: Some(conn),
            _turn: turn,
        };
        run("BEGIN IMMEDIATE", write.conn()).await?;
        Ok(write)
    }

    /// Returns the connection of the transaction.
    #[expect(clippy::expect_used, reason = "only `commit` and `drop` take it")]
    pub(crate) fn conn(&mut self) -> &mut SqliteConnection {
        self.conn.as_mut().expect("the transaction is open")
    }

    /// Makes the changes durable.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        run("COMMIT", self.conn()).await?;
        self.conn = None;
        Ok(())
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            tokio::spawn(roll_back(conn));
        }
    }
}

/// Rolls the open transaction back and returns the connection to the pool, or closes it.
async fn roll_back(mut conn: PoolConnection<Sqlite>) {
    let result = sqlx::raw_sql("ROLLBACK").execute(&mut *conn).await;
    if result.is_err_and(|cause| !is_without_transaction(&cause)) {
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
