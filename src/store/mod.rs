//! Adapters of the ports.
//!
//! `AnyStore` opens a store by its URL, so that a program's configuration can choose the store.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod any;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use self::any::AnyStore;
