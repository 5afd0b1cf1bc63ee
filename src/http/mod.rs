//! Bodies, the HTTP client, and its egress rules.

pub mod body;
#[cfg(feature = "emit")]
pub(crate) mod client;
#[cfg(feature = "_outbox")]
pub mod egress;
