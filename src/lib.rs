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

mod base;
#[cfg(feature = "_tower")]
mod http;
#[cfg(any(feature = "verify", feature = "emit"))]
pub mod metrics;
#[cfg(any(feature = "verify", feature = "emit"))]
pub mod queue;
#[cfg(feature = "verify")]
mod receive;
#[cfg(feature = "_outbox")]
mod send;
#[cfg(feature = "emit")]
pub mod session;
#[cfg(any(feature = "_ports", feature = "redis"))]
pub mod store;
#[cfg(feature = "jwt")]
pub mod token;
mod wire;

pub mod doctor;

#[cfg(any(test, feature = "test-util"))]
pub mod testing;

#[cfg(all(any(test, fuzzing), feature = "full"))]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(feature = "_tower")]
pub use crate::base::error::{BoxError, StoreError, StoreFailurePolicy};
#[cfg(any(feature = "emit", feature = "jwt"))]
pub use crate::base::pem;
pub use crate::base::{clock, entropy, id, secret};
#[cfg(feature = "_tower")]
pub use crate::http::body;
#[cfg(feature = "_outbox")]
pub use crate::http::egress;
#[cfg(feature = "mirror")]
pub use crate::receive::mirror;
#[cfg(feature = "verify")]
pub use crate::receive::{dedupe, inbox, verify};
#[cfg(feature = "_outbox")]
pub use crate::send::outbox;
#[cfg(feature = "emit")]
pub use crate::send::{better_auth, emit, worker};
pub use crate::wire::{event, problem, scheme, signature};

/// Compiles the README's code.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../README.md")]
mod readme {}
