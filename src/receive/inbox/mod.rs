//! Stores webhooks first and handles them later.
//!
//! A sender waits some seconds for a response and then counts the message as lost. With an
//! [`Inbox`], [`VerifyWebhookLayer`](super::verify::VerifyWebhookLayer) stores a verified request
//! and responds 202 at once. An [`InboxWorker`](self::worker::InboxWorker) runs the handler,
//! without the sender's time limit, and retries it.
//!
//! ```no_run
//! # #[cfg(all(feature = "axum", feature = "sqlite"))]
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, http::StatusCode, routing::post};
//! use tokio_util::sync::CancellationToken;
//! use tower_auth_sync::event::{AuthEvent, VerifiedWebhook};
//! use tower_auth_sync::scheme::Scheme;
//! use tower_auth_sync::signature::Verifier;
//! use tower_auth_sync::store::AnyStore;
//! use tower_auth_sync::verify::{VerifyWebhookLayer, Webhook};
//! use tower_auth_sync::inbox::InboxWorker;
//!
//! async fn on_event(webhook: VerifiedWebhook, Webhook(event): Webhook<AuthEvent>) -> StatusCode {
//!     println!("{:?}: {}", webhook.id(), event.event_type());
//!     StatusCode::NO_CONTENT
//! }
//!
//! let verifier = Verifier::new(Scheme::banata(), ["whsec_not-a-secret-but-an-example"])?;
//! let inbox = AnyStore::connect("sqlite://auth-sync.db").await?.inbox("crm")?;
//! let handler = post(on_event);
//!
//! let layer = VerifyWebhookLayer::new(verifier).with_inbox(inbox.clone());
//! let app: Router = Router::new().route("/webhooks/auth", handler.clone().layer(layer));
//!
//! let stop = CancellationToken::new();
//! let worker = InboxWorker::builder(inbox, handler).build()?;
//! let worker = tokio::spawn(worker.run(stop.clone()));
//! // … serve `app`, wait for a signal …
//! stop.cancel();
//! worker.await?;
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!             ┌────────── retry, release, lapse ──────────┐
//!             ▼                                           │
//! receive ─▶ pending ──────────────── lease ──────────▶ leased ──▶ done      the handler responded 2xx
//!             ▲                                           │
//!             └─────────── requeue ─────────── failed ◀───┘ no attempt left
//! ```
//!
//! # Promises
//!
//! * **Stored once.** One transaction stores a message and claims its [`dedupe`](super::dedupe)
//!   key. While the message waits, while it is handled, and for seven days after it has finished
//!   (15 minutes without an id),
//!   the same message gets 200 and is not stored again, whether the inbox still has it or not. This
//!   includes a failed message: a sender's retry cannot help there, [`requeue`](Inbox::requeue) can.
//! * **Handled at least once.** If a worker dies after the handler has acted and before that is
//!   recorded, the handler runs a second time with the same request. The same happens if a worker
//!   cannot reach the store until its lease has ended.
//! * **No order.** A retried message is handled after later ones.
//!
//! # What the handler gets
//!
//! The handler gets the request as verified: method, path and query, headers and body, with
//! [`VerifiedWebhook`](crate::wire::event::VerifiedWebhook) in its extensions. Credentials and
//! headers of the connection are [not stored](StoredRequest). Other extensions, such as the address
//! of a peer, belong to a closed connection and are absent.

mod entry;
mod handle;
mod memory;
mod message;
mod port;
mod request;
mod worker;

#[cfg(test)]
mod tests;

pub use self::entry::{Failure, InboxEntry, MessageState};
pub use self::handle::Inbox;
pub use self::memory::MemoryInbox;
pub use self::message::{InboxLease, InboxOutcome, NewMessage};
pub use self::port::{InboxLog, InboxStore};
pub use self::request::StoredRequest;
pub use self::worker::{InboxSummary, InboxWorker, InboxWorkerBuilder};
pub use crate::queue::{
    LONGEST_LEASE, Lease, LeaseRequest, LeaseToken, QueueListener, QueueNotify,
};
