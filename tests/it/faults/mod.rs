//! Faults that outsiders reported, each kind with inputs of our own besides.

#[cfg(feature = "test-util")]
mod doctor;
#[cfg(all(feature = "emit", feature = "mirror", feature = "axum"))]
mod emit;
#[cfg(all(feature = "jwt", feature = "axum"))]
mod keys;
#[cfg(all(feature = "verify", feature = "test-util"))]
mod secrets;
