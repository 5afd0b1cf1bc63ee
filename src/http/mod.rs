//! Bodies, the HTTP client, and the rules for its calls.

pub mod body;
#[cfg(feature = "emit")]
pub(crate) mod client;
#[cfg(feature = "_outbox")]
pub mod egress;
