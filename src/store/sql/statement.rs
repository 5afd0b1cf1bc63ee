//! Statements with their parameters, for any SQL database.

use sqlx::error::BoxDynError;
use sqlx::{Database, Executor, FromRow, IntoArguments, SqlSafeStr, SqlStr};

use super::columns::to_column;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

/// What the drivers do differently.
pub(crate) trait Dialect: Database<Arguments: IntoArguments<Self>> {
    /// Adds a parameter.
    fn bind(arguments: &mut Self::Arguments, value: Value) -> Result<(), BoxDynError>;

    /// Returns how many rows a statement changed.
    fn rows_affected(result: &Self::QueryResult) -> u64;

    /// Classifies a failure by its remedy.
    fn store_error(cause: sqlx::Error) -> StoreError;
}

/// A parameter. Even NULL has a type, which PostgreSQL wants to know.
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
    Bool(Option<bool>),
}

/// A statement and the parameters that were bound so far, in their order.
///
/// Each parameter may be a value or an `Option`.
#[must_use = "a statement does nothing until it is executed"]
pub(crate) struct Statement {
    sql: SqlStr,
    values: Vec<Value>,
}

impl Statement {
    pub(crate) fn new(sql: impl SqlSafeStr) -> Self {
        Self {
            sql: sql.into_sql_str(),
            values: Vec::new(),
        }
    }

    pub(crate) fn int(self, value: impl Into<Option<i64>>) -> Self {
        self.bind(Value::Int(value.into()))
    }

    pub(crate) fn time(self, value: impl Into<Option<UnixMillis>>) -> Self {
        self.bind(Value::Int(value.into().map(to_column)))
    }

    pub(crate) fn text<'a>(self, value: impl Into<Option<&'a str>>) -> Self {
        self.bind(Value::Text(value.into().map(str::to_owned)))
    }

    pub(crate) fn blob<'a>(self, value: impl Into<Option<&'a [u8]>>) -> Self {
        self.bind(Value::Blob(value.into().map(<[u8]>::to_vec)))
    }

    pub(crate) fn bool(self, value: impl Into<Option<bool>>) -> Self {
        self.bind(Value::Bool(value.into()))
    }

    fn bind(mut self, value: Value) -> Self {
        self.values.push(value);
        self
    }
}

impl Statement {
    /// Returns how many rows changed.
    pub(crate) async fn execute<'c, D: Dialect>(
        self,
        on: impl Executor<'c, Database = D>,
    ) -> Result<u64, StoreError> {
        let arguments = arguments::<D>(self.values)?;
        let done = sqlx::query_with(self.sql, arguments).execute(on).await;
        done.map(|done| D::rows_affected(&done))
            .map_err(D::store_error)
    }

    /// Changes what a lease holds. If no row changes, the lease is lost.
    pub(crate) async fn execute_under_lease<'c, D: Dialect>(
        self,
        on: impl Executor<'c, Database = D>,
    ) -> Result<(), StoreError> {
        match self.execute(on).await? {
            0 => Err(StoreError::lease_lost()),
            _ => Ok(()),
        }
    }

    pub(crate) async fn fetch_all<'c, D: Dialect, R>(
        self,
        on: impl Executor<'c, Database = D>,
    ) -> Result<Vec<R>, StoreError>
    where
        R: for<'r> FromRow<'r, D::Row> + Send + Unpin,
    {
        let arguments = arguments::<D>(self.values)?;
        let rows = sqlx::query_as_with(self.sql, arguments).fetch_all(on).await;
        rows.map_err(D::store_error)
    }

    /// Returns the first row, if there is one.
    pub(crate) async fn fetch_optional<'c, D: Dialect, R>(
        self,
        on: impl Executor<'c, Database = D>,
    ) -> Result<Option<R>, StoreError>
    where
        R: for<'r> FromRow<'r, D::Row> + Send + Unpin,
    {
        let arguments = arguments::<D>(self.values)?;
        let query = sqlx::query_as_with(self.sql, arguments);
        query.fetch_optional(on).await.map_err(D::store_error)
    }

    /// Returns the first row of a statement that always has one.
    pub(crate) async fn fetch_one<'c, D: Dialect, R>(
        self,
        on: impl Executor<'c, Database = D>,
    ) -> Result<R, StoreError>
    where
        R: for<'r> FromRow<'r, D::Row> + Send + Unpin,
    {
        let row = self.fetch_optional(on).await?;
        row.ok_or_else(|| D::store_error(sqlx::Error::RowNotFound))
    }
}

fn arguments<D: Dialect>(values: Vec<Value>) -> Result<D::Arguments, StoreError> {
    let mut arguments = D::Arguments::default();
    for value in values {
        D::bind(&mut arguments, value)
            .map_err(|cause| D::store_error(sqlx::Error::Encode(cause)))?;
    }
    Ok(arguments)
}
