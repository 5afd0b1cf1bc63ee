//! Connections that run the statements of a port.

use std::future::Future;

use sqlx::{Connection, Database, Executor, FromRow, Row};

use super::statement::{Dialect, Statement};
use crate::base::error::StoreError;

/// A connection, in its open transaction if there is one.
pub(crate) trait SqlConnection: Connection<Database: Dialect> {
    /// Returns how many rows changed.
    fn execute(&mut self, sql: Statement) -> impl Future<Output = Result<u64, StoreError>> + Send;

    fn fetch_all<T: Send + Unpin>(
        &mut self,
        sql: Statement,
    ) -> impl Future<Output = Result<Vec<T>, StoreError>> + Send
    where
        Self::Database: Reads<T>;

    /// Returns the row of a statement that has at most one.
    fn fetch_optional<T: Send + Unpin>(
        &mut self,
        sql: Statement,
    ) -> impl Future<Output = Result<Option<T>, StoreError>> + Send
    where
        Self::Database: Reads<T>,
    {
        async { Ok(self.fetch_all(sql).await?.into_iter().next()) }
    }

    /// Returns the row of a statement that always has one.
    fn fetch_one<T: Send + Unpin>(
        &mut self,
        sql: Statement,
    ) -> impl Future<Output = Result<T, StoreError>> + Send
    where
        Self::Database: Reads<T>,
    {
        async {
            let row = self.fetch_optional(sql).await?;
            row.ok_or_else(|| Self::Database::store_error(sqlx::Error::RowNotFound))
        }
    }
}

impl<C> SqlConnection for C
where
    C: Connection<Database: Dialect>,
    for<'c> &'c mut C: Executor<'c, Database = C::Database>,
{
    async fn execute(&mut self, sql: Statement) -> Result<u64, StoreError> {
        sql.execute(self).await
    }

    async fn fetch_all<T: Send + Unpin>(&mut self, sql: Statement) -> Result<Vec<T>, StoreError>
    where
        C::Database: Reads<T>,
    {
        let rows: Vec<Read<T>> = sql.fetch_all(self).await?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }
}

/// A database whose rows can be a `T`. A port names its rows as bounds on the database of its
/// connection, once: `where` clauses would stand on every function.
pub(crate) trait Reads<T>: Database {
    fn read(row: &Self::Row) -> Result<T, sqlx::Error>;
}

impl<D: Database, T: for<'r> FromRow<'r, D::Row>> Reads<T> for D {
    fn read(row: &D::Row) -> Result<T, sqlx::Error> {
        T::from_row(row)
    }
}

struct Read<T>(T);

impl<'r, R: Row<Database: Reads<T, Row = R>>, T> FromRow<'r, R> for Read<T> {
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        R::Database::read(row).map(Read)
    }
}
