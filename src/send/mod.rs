//! From a response to the requests that carry its events.

#[cfg(feature = "emit")]
pub mod better_auth;
#[cfg(feature = "emit")]
pub mod emit;
#[cfg(feature = "_outbox")]
pub mod outbox;
#[cfg(feature = "emit")]
pub mod worker;
