//! Formats that services exchange. Pure: no runtime, no I/O.

pub mod event;
pub(crate) mod json;
pub mod problem;
pub mod scheme;
pub mod signature;
