//! Stores behind the ports.
//!
//! `AnyStore` (feature `emit`) opens one by its URL, so that a program can leave the choice to its
//! configuration.

#[cfg(feature = "emit")]
mod any;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod columns;
#[cfg(feature = "inbox")]
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod inbox;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod migrate;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(feature = "emit")]
pub use self::any::AnyStore;
