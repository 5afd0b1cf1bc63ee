//! What the adapters of SQL databases share.

pub(crate) mod columns;
pub(crate) mod inbox;
pub(crate) mod migrate;
