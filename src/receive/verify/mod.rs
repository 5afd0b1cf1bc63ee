//! Lets only genuine webhooks through, each of them once.
//!
//! [`VerifyWebhookLayer`] stands in front of a route and hands on a request whose signature is right,
//! with the very bytes that were signed as its body.
//!
//! # Order of checks
//!
//! 1. The method is POST: else 405, `method-not-allowed`.
//! 2. The body has no content encoding but `identity`: else 415, `encoding-unsupported`.
//! 3. The declared length is within the [cap](VerifyWebhookLayer::body_cap): else 413,
//!    `body-too-large`.
//! 4. The keys are known, where a [provider](KeyProvider) has to find them: else 401,
//!    `signature-mismatch`; if it fails, or takes longer than 5 s, 503, `keys-unavailable`, with
//!    `Retry-After`.
//! 5. The signature headers are there (else 401, `signature-missing`), single and well-formed (else
//!    400, `header-malformed`).
//! 6. The signed time is within the tolerance: else 401, `timestamp-stale`.
//! 7. The body, of which nothing was read so far, arrives whole, within the cap (else 413,
//!    `body-too-large`) and within a [deadline](VerifyWebhookLayer::body_deadline) over all of it (else
//!    408, `body-timeout`): else 400, `body-incomplete`. It is judged while it comes.
//! 8. One of the signatures was made from these bytes with one of the secrets: else 401,
//!    `signature-mismatch`, the same answer to a wrong secret and to a changed body.
//! 9. There is a signed id, and no header has another, if [required](VerifyWebhookLayer::require_signed_id): else 400,
//!    `id-mismatch`.
//! 10. The message is claimed in the dedupe store. It is being handled elsewhere: 409, `in-flight`,
//!     with `Retry-After`. It was handled, or the same request came before under another id: 200 with
//!     an empty body. The store fails: 503,
//!     `store-unavailable`, with `Retry-After`, unless [told otherwise](StoreFailurePolicy).
//! 11. The inner service runs; while it does, the claim is renewed. A 2xx commits the claim before the
//!     answer's head leaves. Anything else releases it, so that the sender's retry is handled: another
//!     status, an error, a panic, and a response future that is dropped because the client went away.
//!
//! With an inbox (`with_inbox`, feature `inbox`) points 10 and 11 are others: the message is stored and
//! answered 202, or 200 if it is known, and the inner service is not called.
//!
//! Nothing before point 10 touches the store: forged requests cannot fill it. What a message is known
//! by, and for how long, is told in [`dedupe`](super::dedupe).
//!
//! A refusal is an answer of RFC 9457, without details that would help to forge a request.
//! [`WebhookRejection`] says in the response's extensions and in the log why; neither holds a secret, a
//! payload or a computed signature.
//! [`with_diagnosis`](VerifyWebhookLayer::with_diagnosis) makes the log say what would have to be
//! different.
//!
//! # What a request may cost
//!
//! Whatever a sender does, of a body the layer holds no more than the
//! [cap](VerifyWebhookLayer::body_cap) and 24 KiB, besides the frame that comes and, until the second
//! is there, the first. With frames up to 30 KiB (HTTP/2 has 16 KiB) the cap and 64 KiB are enough for
//! everything. No `Content-Length` is believed: up to 24 KiB memory grows with what has come, beyond it
//! is set aside at once, as much as the framing of HTTP says will come, or else the cap. Where the cap
//! is beyond 16 MiB and the length unknown, it grows again, and half as much more may be held.
//!
//! A body that came in one frame is handed on without a copy. Only `standard-webhooks-v1a`, whose signed
//! bytes have to be in one piece, copies each body once; it holds it once, too.
//!
//! # Where to put it
//!
//! On the method router, or with `route_layer`. `Router::layer` would also guard the fallback, and
//! answer 401 where 404 is true.
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{Router, http::StatusCode, routing::post};
//! use tower_auth_sync::event::{AuthEvent, VerifiedWebhook};
//! use tower_auth_sync::scheme::Scheme;
//! use tower_auth_sync::signature::Verifier;
//! use tower_auth_sync::verify::{VerifyWebhookLayer, Webhook};
//!
//! async fn on_event(delivered: VerifiedWebhook, Webhook(event): Webhook<AuthEvent>) -> StatusCode {
//!     println!("{:?}: {}", delivered.id(), event.event_type());
//!     StatusCode::NO_CONTENT
//! }
//!
//! let verifier = Verifier::new(Scheme::banata(), ["whsec_not-a-secret-but-an-example"])?;
//! let app: Router = Router::new().route(
//!     "/webhooks/auth",
//!     post(on_event).layer(VerifyWebhookLayer::new(verifier)),
//! );
//! # }
//! # Ok::<(), tower_auth_sync::signature::WebhookConfigError>(())
//! ```
//!
//! The inner service gets a body of type `Full<Bytes>`. Routes and method routers take it; in front
//! of a service that takes only axum's own body, such as `axum::middleware::from_fn`, put
//! `tower_http`'s `MapRequestBodyLayer::new(axum::body::Body::new)`, or `map_request_body`.
//!
//! # Deployment caveats
//!
//! - The layer must stand outside everything that changes the body: decompression, and limits that
//!   cut it.
//! - The layer is always ready. The inner service is made ready after a request was accepted: a
//!   concurrency limit behind the layer counts genuine messages only, and one that waits for its turn
//!   keeps its claim. Strangers are limited by connections, or by a limit in front of the layer.
//! - Receivers that share a store must agree on the time to 25 s: one whose clock is further ahead sees
//!   the claims of others lapse before they are renewed, and handles their messages as well; so does one
//!   whose clock is more than 60 s behind, to which they seem to be [made by a clock that was
//!   ahead](super::dedupe#when-the-clock-is-set).
//! - A panic of the handler is not caught. Put `CatchPanicLayer` outside for a 500.
//! - A request that is refused early leaves its body unread. hyper then reads what has come already
//!   and closes an HTTP/1 connection if that was not all; over HTTP/2 it resets the stream. Bytes of a
//!   body are never read as the next request.
//! - A tokio runtime with time enabled must run the layer. When the runtime shuts down under a claim
//!   that is held in a store elsewhere, the claim lapses after 60 s.
//! - When a client drops the connection after the handler has succeeded, the claim is committed all
//!   the same.

mod claim;
mod doctor;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod gate;
mod handled;
mod identity;
mod inbox_sink;
mod keys;
mod layer;
mod log_context;
mod meters;
mod reading;
mod rejection;
mod service;

#[cfg(test)]
mod tests;

#[cfg(feature = "axum")]
pub use self::extract::{LayerMissing, PayloadRejection, Webhook};
pub use self::future::ResponseFuture;
pub use self::keys::{KeyProvider, TenantKeys};
pub use self::layer::VerifyWebhookLayer;
pub use self::rejection::WebhookRejection;
pub use self::service::VerifyWebhook;
