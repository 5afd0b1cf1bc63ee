//! What tests of this crate, and of programs that use it, need: time and chance under control, and
//! the conformance suite of every port.

mod clock;
#[cfg(feature = "verify")]
#[doc(hidden)]
pub mod dedupe_suite;
mod entropy;

pub use self::clock::ManualClock;
pub use self::entropy::SeededEntropy;
#[cfg(feature = "verify")]
pub use crate::__dedupe_store_tests as dedupe_store_tests;
