//! The layer that checks bearer tokens.

#[cfg(feature = "axum")]
mod extract;
mod future;
mod gate;
#[expect(clippy::module_inception, reason = "the room's main type")]
mod layer;
mod rejection;
mod service;

#[cfg(feature = "axum")]
pub use self::extract::{Claims, ClaimsRejection};
pub use self::future::ResponseFuture;
pub use self::layer::{InvalidChallenge, JwtAuthLayer};
pub use self::rejection::{CredentialsError, JwtRejection};
pub use self::service::JwtAuth;

#[cfg(test)]
mod tests;
