//! What travels between services. Pure: no runtime, no I/O.

pub mod event;
pub(crate) mod json;
pub mod problem;
pub mod scheme;
pub mod signature;
