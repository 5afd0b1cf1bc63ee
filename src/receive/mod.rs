//! From a request to its handler.

#[cfg(feature = "verify")]
pub mod dedupe;
#[cfg(feature = "verify")]
pub mod inbox;
#[cfg(feature = "mirror")]
pub mod mirror;
#[cfg(feature = "verify")]
pub mod verify;
