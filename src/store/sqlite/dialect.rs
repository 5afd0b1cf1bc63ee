//! SQLite's part of a statement.

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteQueryResult};
use sqlx::{Arguments as _, Sqlite};

use super::error::store_error;
use crate::base::error::StoreError;
use crate::store::sql::statement::{Dialect, Value};

impl Dialect for Sqlite {
    fn bind(arguments: &mut SqliteArguments, value: Value) -> Result<(), BoxDynError> {
        match value {
            Value::Int(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Blob(value) => arguments.add(value),
            Value::Bool(value) => arguments.add(value),
        }
    }

    fn rows_affected(result: &SqliteQueryResult) -> u64 {
        result.rows_affected()
    }

    fn store_error(cause: sqlx::Error) -> StoreError {
        store_error(cause)
    }
}
