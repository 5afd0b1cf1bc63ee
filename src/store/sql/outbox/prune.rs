//! Deleting finished events after their retention.

use std::num::NonZeroU16;

use super::dialect::{OutboxSql, json};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::store::sql::statement::Statement;

/// Selects the numbers of finished events.
pub(crate) fn select_finished(sql: &'static str, before: UnixMillis, max: NonZeroU16) -> Statement {
    Statement::new(sql).time(before).int(i64::from(max.get()))
}

/// Deletes finished events with their deliveries and attempts. Returns how many there were.
pub(crate) async fn prune<C: OutboxSql>(
    conn: &mut C,
    before: UnixMillis,
    max: NonZeroU16,
) -> Result<usize, StoreError> {
    let select = select_finished(C::SELECT_FINISHED, before, max);
    let events: Vec<(i64,)> = conn.fetch_all(select).await?;
    let numbers: Vec<i64> = events.into_iter().map(|(number,)| number).collect();
    let events = json(&numbers);
    for sql in C::DELETE_FINISHED {
        conn.execute(Statement::new(sql).text(&*events)).await?;
    }
    Ok(numbers.len())
}
