//! The shared parts of the SQL adapters.
//!
//! A port's file here holds its rows and binds its parameters; a dialect's folder holds the texts of the
//! statements and what truly differs, such as locks.

pub(crate) mod columns;
#[cfg(feature = "sqlite")]
pub(crate) mod connection;
pub(crate) mod dedupe;
#[cfg(feature = "sqlite")]
pub(crate) mod delivery_log;
#[cfg(feature = "sqlite")]
pub(crate) mod endpoints;
pub(crate) mod inbox;
pub(crate) mod keys;
pub(crate) mod migrate;
#[cfg(feature = "sqlite")]
pub(crate) mod mirror;
#[cfg(feature = "sqlite")]
pub(crate) mod outbox;
pub(crate) mod statement;
