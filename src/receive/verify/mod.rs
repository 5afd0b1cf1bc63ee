//! Checks webhook signatures and hands each genuine message to the handler once.
//!
//! [`VerifyWebhookLayer`] stands in front of a route. It hands on a request whose signature is
//! valid, with the signed bytes as its body.
//!
//! # Order of checks
//!
//! 1. The method is POST: else 405, `method-not-allowed`.
//! 2. The body has no content encoding but `identity`: else 415, `encoding-unsupported`.
//! 3. The declared length is within the [limit](VerifyWebhookLayer::with_body_limit): else 413,
//!    `body-too-large`.
//! 4. The keys are known, where a [provider](KeyProvider) supplies them: else 401,
//!    `signature-mismatch`. If the provider fails or takes longer than 5 s: 503,
//!    `keys-unavailable`, with `Retry-After`.
//! 5. The signature headers are present (else 401, `signature-missing`), single and well-formed
//!    (else 400, `header-malformed`).
//! 6. The signed time is within the tolerance: else 401, `timestamp-stale`.
//! 7. The layer reads the body. It ends (else 400, `body-incomplete`) within the limit (else 413,
//!    `body-too-large`) and within the [timeout](VerifyWebhookLayer::with_body_timeout) for the
//!    whole body (else 408, `body-timeout`). The layer checks each chunk as it arrives.
//! 8. One of the secrets made one of the signatures from these bytes: else 401,
//!    `signature-mismatch`. A wrong secret and a changed body get the same response.
//! 9. If [required](VerifyWebhookLayer::require_signed_id), the message has a signed id and no
//!    header has another: else 400, `id-mismatch`.
//! 10. The layer claims the message in the dedupe store. If another request handles it: 409,
//!     `in-flight`, with `Retry-After`. If it was handled, or if the same request arrived before
//!     under another id: 200 with an empty body. If the store fails: 503, `store-unavailable`, with
//!     `Retry-After`, unless the [policy](crate::StoreFailurePolicy) is to fail open.
//! 11. The inner service runs. The layer renews the claim meanwhile. A 2xx commits the claim before
//!     the response head leaves. Another status, an error, a panic, or a dropped response future
//!     (the client disconnected) releases the claim: the sender's retry is then handled.
//!
//! With an [inbox](VerifyWebhookLayer::with_inbox), points 10 and 11 differ: the layer stores the
//! message and responds 202, or 200 if the message is known, or 409 while a request without the
//! inbox handles it. It does not call the inner service.
//!
//! No request touches the store before point 10: forged requests cannot fill it.
//! [`dedupe`](super::dedupe) describes the keys of a message and their retention.
//!
//! A refusal is an RFC 9457 response, without details that help to forge a request.
//! [`WebhookRejection`] gives the reason in the response's extensions and in the log. Neither holds
//! a secret, a payload or a computed signature.
//! [`with_diagnosis`](VerifyWebhookLayer::with_diagnosis) makes the log name the cause.
//!
//! # Cost of a request
//!
//! Whatever a sender does, the layer holds at most the [limit](VerifyWebhookLayer::with_body_limit)
//! and 24 KiB of a body, besides the current frame and, until the second frame arrives, the first.
//! With frames up to 30 KiB (HTTP/2 has 16 KiB), the limit and 64 KiB suffice for everything. The
//! layer does not trust `Content-Length`. Up to 24 KiB, the buffer grows with the body. Beyond
//! that, the layer reserves at once the length that HTTP framing announces, or else the limit. If
//! the limit exceeds 16 MiB and the length is unknown, the buffer grows once more and may hold half
//! as much again.
//!
//! The layer hands on a body of one frame without a copy. Only `standard-webhooks-v1a`, whose
//! signed bytes must be contiguous, copies each body once, into a buffer that doubles as it grows:
//! the layer then holds at most four times the limit.
//!
//! # Placement
//!
//! Add the layer to the method router, or use `route_layer`. `Router::layer` would also guard the
//! fallback and respond 401 instead of 404.
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{Router, http::StatusCode, routing::post};
//! use tower_auth_sync::event::{AuthEvent, VerifiedWebhook};
//! use tower_auth_sync::scheme::Scheme;
//! use tower_auth_sync::signature::Verifier;
//! use tower_auth_sync::verify::{VerifyWebhookLayer, Webhook};
//!
//! async fn on_event(webhook: VerifiedWebhook, Webhook(event): Webhook<AuthEvent>) -> StatusCode {
//!     println!("{:?}: {}", webhook.id(), event.event_type());
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
//! The inner service gets a body of type `Full<Bytes>`. Routes and method routers accept it. In
//! front of a service that takes only axum's own body, such as `axum::middleware::from_fn`, add
//! `tower_http`'s `MapRequestBodyLayer::new(axum::body::Body::new)` or `map_request_body`.
//!
//! # Deployment caveats
//!
//! - Place the layer outside everything that changes the body: decompression, and limits that
//!   truncate it.
//! - The layer is always ready. It waits for the inner service only after it accepts a request: a
//!   concurrency limit behind the layer counts only genuine messages, and a message that waits for
//!   its turn keeps its claim. Limit strangers by connections, or by a limit in front of the layer.
//! - Receivers that share a store must agree on the time to 25 s. A receiver whose clock is further
//!   ahead sees the claims of others lapse before they are renewed, and handles their messages as
//!   well. So does one whose clock is more than 60 s behind: to it, those claims seem [made by a
//!   clock that was ahead](super::dedupe#when-the-clock-is-set).
//! - The layer does not catch a panic of the handler. Add `CatchPanicLayer` outside for a 500.
//! - A request that is refused early leaves its body unread. hyper then reads the bytes that have
//!   arrived and closes an HTTP/1 connection if there are more; over HTTP/2 it resets the stream.
//!   It never reads bytes of a body as the next request.
//! - The layer needs a tokio runtime with time enabled. If the runtime shuts down during a claim in
//!   a remote store, the claim lapses after 60 s.
//! - If a client disconnects after the handler succeeded, the layer still commits the claim.

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
