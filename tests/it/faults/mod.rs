//! Inputs on which earlier versions failed, and others of the same kinds.

#[cfg(all(feature = "jwt", feature = "axum"))]
mod keys;
