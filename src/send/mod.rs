//! From a response to the requests that carry its events.

#[cfg(feature = "emit")]
pub mod better_auth;
#[cfg(feature = "emit")]
pub mod emit;
#[cfg(any(feature = "emit", feature = "sqlite", feature = "postgres"))]
pub mod outbox;
#[cfg(feature = "emit")]
pub mod worker;
