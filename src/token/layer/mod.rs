//! `JwtAuthLayer`: only requests with an acceptable bearer token reach the service.
//!
//! # What happens to a request
//!
//! 1. No `Authorization` header, or one of another scheme: `401` `token-missing` and a bare
//!    `WWW-Authenticate: Bearer realm="…"` (RFC 6750 §3).
//! 2. Two `Authorization` lines, no token, two tokens, or bytes that no token has: `400`
//!    `invalid-request`.
//! 3. A token that the [`TokenVerifier`](super::verifier::TokenVerifier) refuses: `401` `invalid-token`
//!    with `error="invalid_token"`.
//! 4. Keys that could not be had: `503` `keys-unavailable` with `Retry-After`. The token may be good.
//! 5. A scope that is missing: `403` `insufficient-scope`, with the scopes in the challenge.
//! 6. Else the request goes on, with a [`VerifiedToken`](super::verifier::VerifiedToken) in its extensions
//!    and its `Authorization` value marked sensitive, so that its `Debug` does not print it.
//!
//! Tokens are read from the header alone: never from cookies, the query or the body. A caller learns
//! that a token expired or does not hold yet, and no more. Why it was refused, and what was expected,
//! is a [`JwtRejection`] in the response's extensions and an event in tracing; neither holds the token.
//!
//! # Deployment caveat
//!
//! `Router::layer` would guard the fallback too, so that an unknown path answers `401` instead of
//! `404`: put the layer on routes with `Router::route_layer` or `MethodRouter::layer`.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::get};
//! use tower_auth_sync::token::{JwtIssuer, TokenVerifier};
//! use tower_auth_sync::token::{Claims, JwtAuthLayer};
//!
//! #[derive(serde::Deserialize)]
//! struct Mine {
//!     sub: String,
//! }
//!
//! async fn me(Claims(claims): Claims<Mine>) -> String {
//!     claims.sub
//! }
//!
//! # let issuer = JwtIssuer::builder("https://auth.example", "https://app.example")
//! #     .dangerous_ephemeral_key()
//! #     .build()?;
//! # let keys = issuer.keys().clone();
//! let tokens = TokenVerifier::builder(keys)
//!     .issuer("https://auth.example")
//!     .audience("https://app.example")
//!     .build()?;
//! let app: Router = Router::new()
//!     .route("/me", get(me))
//!     .route_layer(JwtAuthLayer::new(tokens));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "axum"))]
//! # fn main() {}
//! ```

#[cfg(feature = "axum")]
mod extract;
mod future;
#[expect(clippy::module_inception, reason = "the room's main type")]
mod layer;
mod rejection;
mod service;
mod validate;

#[cfg(test)]
mod tests;

#[cfg(feature = "axum")]
pub use self::extract::{Claims, ClaimsRejection};
pub use self::future::ResponseFuture;
pub use self::layer::{InvalidChallenge, JwtAuthLayer};
pub use self::rejection::{CredentialsError, JwtRejection};
pub use self::service::JwtAuth;
