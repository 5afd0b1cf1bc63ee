//! Stores behind the ports.

#[cfg(feature = "sqlite")]
pub mod sqlite;
