//! Signed auth webhooks in and out, verified tokens and a mirror of users and sessions, as Tower
//! middleware.
//!
//! | you want to | look at |
//! |---|---|
//! | accept webhooks | [`verify`]: `VerifyWebhookLayer`, `Webhook<T>`; [`signature`] without a framework |
//! | store them first and handle them later | [`inbox`]: `Inbox`; [`worker`]: `InboxWorker` |
//! | tell other services what happened | [`emit`]: `SyncEmitterLayer`; [`delivery`]: `Emitter`, endpoints; [`worker`] |
//! | keep users and sessions in your own tables | [`mirror`] |
//! | check tokens | [`jwt`]: `JwtAuthLayer`; [`jwks`]: `TokenVerifier` |
//! | issue tokens and publish the keys | [`jwks`]: `JwtIssuer`, `jwks_routes` |
//! | test your program | [`testing`] |
//!
//! Time and randomness come through ports ([`clock`], [`entropy`]); everything that is stored goes
//! through small traits ([`delivery`], [`dedupe`], [`mirror`]) that SQLite and memory implement, and
//! that a store of yours may. Refusals are RFC 9457 problems ([`problem`]).
//!
//! # Features
//!
//! `axum`, `verify`, `emit` and `jwt` are on by default; `delivery`, `ed25519`, `inbox`, `mirror`, `sqlite`,
//! `postgres`, `redis` and `test-util` are not. `full` is everything but `test-util`. A feature adds names and changes none.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
pub mod entropy;
pub mod event;
pub mod id;
pub mod problem;
pub mod secret;
pub mod signature;

#[cfg(any(feature = "verify", feature = "emit", feature = "jwt"))]
pub mod body;
#[cfg(any(feature = "jwt", feature = "delivery"))]
pub mod pem;
#[cfg(any(feature = "verify", feature = "emit", feature = "mirror"))]
mod store_error;
#[cfg(any(feature = "emit", feature = "inbox"))]
mod work;

#[cfg(feature = "verify")]
pub mod dedupe;
#[cfg(feature = "emit")]
pub mod delivery;
#[cfg(feature = "emit")]
pub mod egress;
#[cfg(feature = "inbox")]
pub mod inbox;
#[cfg(feature = "jwt")]
pub mod jwks;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "mirror")]
pub mod mirror;
#[cfg(any(feature = "emit", feature = "inbox"))]
pub mod retry;

#[cfg(feature = "delivery")]
mod client;
#[cfg(feature = "emit")]
pub mod emit;
#[cfg(feature = "jwt")]
pub mod jwt;
#[cfg(any(
    feature = "emit",
    feature = "sqlite",
    feature = "postgres",
    feature = "redis"
))]
pub mod store;
#[cfg(feature = "verify")]
pub mod verify;
#[cfg(any(feature = "delivery", feature = "inbox"))]
pub mod worker;

#[cfg(any(test, feature = "test-util"))]
pub mod testing;

#[cfg(all(fuzzing, feature = "inbox", feature = "emit", feature = "jwt"))]
#[doc(hidden)]
pub mod fuzzing;

// The paved path.
#[cfg(feature = "emit")]
pub use crate::delivery::Emitter;
#[cfg(feature = "emit")]
pub use crate::emit::SyncEmitterLayer;
#[cfg(feature = "jwt")]
pub use crate::jwt::JwtAuthLayer;
#[cfg(any(feature = "verify", feature = "emit", feature = "mirror"))]
pub use crate::store_error::StoreError;
#[cfg(feature = "verify")]
pub use crate::verify::VerifyWebhookLayer;

/// Compiles the README's code.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../README.md")]
mod readme {}
