//! PostgreSQL's part of a statement.

use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgQueryResult};
use sqlx::{Arguments as _, Postgres};

use super::error::store_error;
use crate::base::error::StoreError;
use crate::store::sql::statement::{Dialect, Value};

impl Dialect for Postgres {
    fn bind(arguments: &mut PgArguments, value: Value) -> Result<(), BoxDynError> {
        match value {
            Value::Int(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Blob(value) => arguments.add(value),
            Value::Bool(value) => arguments.add(value),
        }
    }

    fn rows_affected(result: &PgQueryResult) -> u64 {
        result.rows_affected()
    }

    fn store_error(cause: sqlx::Error) -> StoreError {
        store_error(cause)
    }
}
