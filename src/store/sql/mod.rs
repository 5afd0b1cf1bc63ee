//! The shared parts of the SQL adapters.
//!
//! A port's file here holds its rows and binds its parameters; a dialect's folder holds the texts of the
//! statements and what truly differs, such as locks.

pub(crate) mod columns;
pub(crate) mod dedupe;
pub(crate) mod inbox;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod statement;
