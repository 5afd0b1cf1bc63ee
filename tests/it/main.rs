//! Behaviour of the crate as its users see it, over real stores and sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

#[cfg(all(
    feature = "sqlite",
    feature = "postgres",
    feature = "redis",
    feature = "test-util"
))]
mod dedupe;
#[cfg(feature = "sqlite")]
mod delivery;
mod doctor;
#[cfg(all(feature = "emit", feature = "axum", feature = "test-util"))]
mod emit;
mod faults;
#[cfg(all(
    feature = "axum",
    feature = "sqlite",
    feature = "postgres",
    feature = "redis",
    feature = "test-util"
))]
mod inbox;
#[cfg(all(feature = "jwt", feature = "test-util"))]
mod jwt;
#[cfg(all(feature = "jwt", feature = "axum"))]
mod jwt_routes;
#[cfg(all(
    feature = "jwt",
    feature = "sqlite",
    feature = "postgres",
    feature = "redis",
    feature = "test-util"
))]
mod keys;
#[cfg(all(feature = "verify", feature = "axum", feature = "sqlite"))]
mod mirror;
#[cfg(all(feature = "verify", feature = "test-util"))]
mod sender;
#[cfg(all(
    feature = "sqlite",
    feature = "postgres",
    feature = "redis",
    feature = "test-util"
))]
mod servers;
#[cfg(feature = "test-util")]
mod signature;
#[cfg(all(feature = "verify", feature = "test-util"))]
mod stacks;
#[cfg(all(feature = "verify", feature = "axum", feature = "test-util"))]
mod verify;
#[cfg(all(feature = "emit", feature = "test-util"))]
mod worker;
