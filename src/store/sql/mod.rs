//! The shared parts of the SQL adapters.

pub(crate) mod columns;
pub(crate) mod inbox;
pub(crate) mod migrate;
