//! What tests of this crate, and of programs that use it, need: time and chance under control, and
//! the conformance suite of every port.

mod clock;
mod entropy;

pub use self::clock::ManualClock;
pub use self::entropy::SeededEntropy;
