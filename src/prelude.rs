//! The names that most programs use, for `use tower_auth_sync::prelude::*;`.
//!
//! Each name also stands in the module of its room, with everything else of that room.
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "verify"))] {
//! use axum::{Router, http::StatusCode, routing::post};
//! use tower_auth_sync::prelude::*;
//!
//! async fn on_event(webhook: VerifiedWebhook, Webhook(event): Webhook<AuthEvent>) -> StatusCode {
//!     println!("{:?}: {}", webhook.id(), event.event_type());
//!     StatusCode::NO_CONTENT
//! }
//!
//! let verifier = Verifier::new(Scheme::banata(), ["whsec_not-a-secret-but-an-example"])?;
//! let receiver = post(on_event).layer(VerifyWebhookLayer::new(verifier));
//! let app: Router = Router::new().route("/webhooks/auth", receiver);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "verify")]
pub use crate::receive::dedupe::Dedupe;
#[cfg(feature = "mirror")]
pub use crate::receive::mirror::{Mirror, TablePrefix};
#[cfg(feature = "verify")]
pub use crate::receive::verify::VerifyWebhookLayer;
#[cfg(all(feature = "axum", feature = "verify"))]
pub use crate::receive::verify::Webhook;
#[cfg(feature = "emit")]
pub use crate::send::better_auth::BetterAuthRoutes;
#[cfg(feature = "emit")]
pub use crate::send::emit::{Emit, SyncEmitterLayer};
#[cfg(any(feature = "emit", feature = "sqlite", feature = "postgres"))]
pub use crate::send::outbox::{Emitter, NewEndpoint};
#[cfg(feature = "emit")]
pub use crate::send::worker::Worker;
#[cfg(feature = "emit")]
pub use crate::session::GetSession;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use crate::store::AnyStore;
#[cfg(all(feature = "axum", feature = "jwt"))]
pub use crate::token::{Claims, jwks_routes};
#[cfg(feature = "jwt")]
pub use crate::token::{JwtAuthLayer, JwtIssuer, SigningKey, TokenVerifier};
pub use crate::wire::event::{AuthEvent, VerifiedWebhook};
pub use crate::wire::scheme::Scheme;
pub use crate::wire::signature::{Signer, Verifier};
