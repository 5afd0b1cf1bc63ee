//! Bodies, the HTTP client, and its egress rules.

pub mod body;
#[cfg(feature = "emit")]
pub(crate) mod client;
#[cfg(any(feature = "emit", feature = "sqlite", feature = "postgres"))]
pub mod egress;
