//! Test support for this crate and its users: a manual clock, seeded entropy, a
//! [sender](FakeSender) of genuine and forged webhooks, and the conformance suite of every port.

mod clock;
#[cfg(feature = "verify")]
#[doc(hidden)]
pub mod dedupe_suite;
#[cfg(any(feature = "emit", feature = "sqlite", feature = "postgres"))]
#[doc(hidden)]
#[allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]
pub mod delivery_suite;
mod entropy;
#[cfg(feature = "verify")]
#[doc(hidden)]
#[allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]
pub mod inbox_suite;
#[cfg(any(feature = "jwt", feature = "_ports"))]
#[doc(hidden)]
#[allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]
pub mod key_suite;
#[cfg(any(feature = "verify", feature = "emit"))]
#[doc(hidden)]
#[allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]
pub mod lease_suite;
#[cfg(feature = "mirror")]
#[doc(hidden)]
#[allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]
pub mod mirror_suite;
#[cfg(feature = "verify")]
mod sender;

pub use self::clock::ManualClock;
#[cfg(any(feature = "emit", feature = "sqlite", feature = "postgres"))]
pub use self::delivery_suite::OutboxPorts;
pub use self::entropy::SeededEntropy;
#[cfg(feature = "verify")]
pub use self::sender::{Corruption, Expected, FakeSender, FakeSenderBuilder, SameMessage, Sent};
#[cfg(feature = "verify")]
pub use crate::__dedupe_store_tests as dedupe_store_tests;
#[cfg(feature = "verify")]
pub use crate::__inbox_store_tests as inbox_store_tests;
#[cfg(any(feature = "jwt", feature = "_ports"))]
pub use crate::__key_store_tests as key_store_tests;
#[cfg(feature = "mirror")]
pub use crate::__mirror_store_tests as mirror_store_tests;
#[cfg(any(feature = "emit", feature = "sqlite", feature = "postgres"))]
pub use crate::{
    __delivery_store_tests as delivery_store_tests, __endpoint_store_tests as endpoint_store_tests,
};
