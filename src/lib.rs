//! Signed auth webhooks in and out, verified tokens and a mirror of users and sessions, as Tower
//! middleware.
//!
//! ```text
//!  client ──▶ SyncEmitterLayer ──▶ auth service              emit: the caller's session before and after
//!                    │                                       differs, so something happened
//!                    ▼
//!                 Emitter ──▶ Outbox                         outbox: stored before the response goes out
//!                               │
//!                               ▼
//!                            Worker ──POST, signed──▶        worker: leased, tried again, settled
//!                                                    │
//!                    ┌───────────────────────────────┘
//!                    ▼
//!           VerifyWebhookLayer ──▶ handler ──▶ Mirror        verify, dedupe, inbox, mirror
//!
//!  client ──▶ JwtAuthLayer ──▶ handler                       token: keys, issuer, verifier
//! ```
//!
//! | you want to | look at |
//! |---|---|
//! | accept webhooks | [`verify`]: `VerifyWebhookLayer`, `Webhook<T>`; [`signature`] without a framework |
//! | store them first and handle them later | [`inbox`]: `Inbox`, `InboxWorker` |
//! | tell other services what happened | [`emit`]: `SyncEmitterLayer`; [`outbox`]: `Emitter`, endpoints; [`worker`] |
//! | keep users and sessions in your own tables | [`mirror`] |
//! | check tokens, issue them, publish the keys | [`token`]: `JwtAuthLayer`, `TokenVerifier`, `JwtIssuer`, `jwks_routes` |
//! | find out why a request is refused | [`doctor`] |
//! | test your program | [`testing`] |
//!
//! [`prelude`] has the names that most programs use. The [`guide`] has whole pages: receive, send,
//! tokens, every response, architecture, contributing, security.
//!
//! Time and randomness come through ports ([`clock`], [`entropy`]); everything that is stored goes
//! through small traits ([`dedupe`], [`inbox`], [`outbox`], [`mirror`], [`token`]) with stores in memory,
//! SQLite, PostgreSQL and Redis ([`store`]), and a store of yours may implement them. Refusals are RFC 9457
//! problems ([`problem`]).
//!
//! # Features
//!
//! | feature | adds | default |
//! |---|---|---|
//! | `axum` | extractors, `IntoResponse`, the JWKS routes | yes |
//! | `verify` | the receiver: layer, dedupe, inbox and its worker, metrics | yes |
//! | `emit` | the sender: layer, outbox, worker, HTTP client | |
//! | `jwt` | tokens: layer, verifier, issuer, JWKS | |
//! | `mirror` | users and sessions in tables; brings `verify` | |
//! | `ed25519` | `v1a` signatures | |
//! | `sqlite`, `postgres` | stores; `AnyStore`, which opens SQLite; bring `mirror` | |
//! | `redis` | dedupe in Redis; brings `verify` | |
//! | `test-util` | a clock to set, a fake sender, the suites of the ports | |
//! | `full` | everything but `test-util` | |
//!
//! A feature adds names and changes none.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod base;
#[cfg(any(feature = "verify", feature = "emit", feature = "jwt"))]
mod http;
#[cfg(feature = "verify")]
pub mod metrics;
#[cfg(any(feature = "verify", feature = "emit"))]
pub mod queue;
#[cfg(feature = "verify")]
mod receive;
#[cfg(any(feature = "emit", feature = "sqlite", feature = "postgres"))]
mod send;
#[cfg(feature = "emit")]
pub mod session;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
pub mod store;
#[cfg(feature = "jwt")]
pub mod token;
/// The port of stored signing keys. The feature `jwt` adds the keys, the issuer and the verifier.
#[cfg(all(feature = "_ports", not(feature = "jwt")))]
pub mod token {
    mod key_id;
    mod keys;

    pub use self::key_id::{InvalidKeyId, KeyId};
    pub use self::keys::{KeyStore, Keys, MemoryKeys, StoredKey};
}
mod wire;

pub mod doctor;
#[cfg(all(any(doc, doctest), feature = "full"))]
pub mod guide;
pub mod prelude;

#[cfg(any(test, feature = "test-util"))]
pub mod testing;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
#[allow(
    dead_code,
    clippy::expect_used,
    reason = "a property that fails panics; builds with few features use few of them"
)]
pub mod fuzzing;

#[cfg(any(
    feature = "verify",
    feature = "emit",
    feature = "jwt",
    feature = "_ports"
))]
pub use crate::base::actor;
#[cfg(any(feature = "verify", feature = "emit", feature = "jwt"))]
pub use crate::base::error::{BoxError, StoreError, StoreFailurePolicy};
#[cfg(any(feature = "emit", feature = "jwt"))]
pub use crate::base::pem;
pub use crate::base::{clock, entropy, id, secret};
#[cfg(any(feature = "verify", feature = "emit", feature = "jwt"))]
pub use crate::http::body;
#[cfg(any(feature = "emit", feature = "sqlite", feature = "postgres"))]
pub use crate::http::egress;
#[cfg(feature = "mirror")]
pub use crate::receive::mirror;
#[cfg(feature = "verify")]
pub use crate::receive::{dedupe, inbox, verify};
#[cfg(any(feature = "emit", feature = "sqlite", feature = "postgres"))]
pub use crate::send::outbox;
#[cfg(feature = "emit")]
pub use crate::send::{better_auth, emit, worker};
pub use crate::wire::{event, problem, scheme, signature};

/// Compiles the README's code.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../README.md")]
mod readme {}
