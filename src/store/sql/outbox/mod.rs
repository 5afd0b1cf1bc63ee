//! The outbox in SQL: rows, parameters, and the order of the statements in each transaction.

mod dialect;
pub(crate) mod enqueue;
pub(crate) mod lease;
pub(crate) mod prune;
mod rows;
pub(crate) mod settle;
mod subscribers;

pub(crate) use self::dialect::OutboxSql;
pub(crate) use self::subscribers::Subscribers;
