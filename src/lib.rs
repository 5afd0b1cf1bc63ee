//! Signed auth webhooks in and out, verified tokens and a mirror of users and sessions, as Tower
//! middleware.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
pub mod entropy;
pub mod event;
pub mod id;
pub mod problem;
pub mod secret;
pub mod signature;

#[cfg(any(
    feature = "verify",
    feature = "emit",
    feature = "jwt",
    feature = "mirror"
))]
pub mod body;
#[cfg(any(feature = "verify", feature = "emit", feature = "mirror"))]
mod store_error;

#[cfg(feature = "verify")]
pub mod dedupe;
#[cfg(feature = "emit")]
pub mod delivery;
#[cfg(feature = "emit")]
pub mod egress;
#[cfg(feature = "jwt")]
pub mod jwks;
#[cfg(feature = "mirror")]
pub mod mirror;
#[cfg(feature = "emit")]
pub mod retry;

#[cfg(feature = "delivery")]
mod client;
#[cfg(feature = "emit")]
pub mod emit;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(feature = "emit")]
pub mod store;
#[cfg(feature = "verify")]
pub mod verify;
#[cfg(feature = "delivery")]
pub mod worker;

#[cfg(any(test, feature = "test-util"))]
pub mod testing;

#[cfg(all(fuzzing, feature = "verify", feature = "emit", feature = "jwt"))]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(any(feature = "verify", feature = "emit", feature = "mirror"))]
pub use crate::store_error::StoreError;
