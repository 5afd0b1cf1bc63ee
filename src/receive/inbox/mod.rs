//! Webhooks that are stored first and handled later.
//!
//! A sender waits some seconds for an answer and then counts the message as lost. With an
//! [`Inbox`] [`VerifyWebhookLayer`](super::verify::VerifyWebhookLayer) stores a verified request and
//! answers 202 at once; an
//! [`InboxWorker`](self::worker::InboxWorker) runs the handler, as long as it takes and as often as it
//! needs.
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
//! async fn on_event(delivered: VerifiedWebhook, Webhook(event): Webhook<AuthEvent>) -> StatusCode {
//!     println!("{:?}: {}", delivered.id(), event.event_type());
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
//! receive ─▶ pending ──────────────── lease ──────────▶ leased ──▶ done      the handler answered 2xx
//!             ▲                                           │
//!             └─────────── requeue ─────────── failed ◀───┘ no attempt left
//! ```
//!
//! # What is promised
//!
//! * **Stored once.** A message and the names by which [`dedupe`](super::dedupe) knows it are one
//!   transaction. While it waits, while it is handled and for seven days after its end the same message is
//!   answered 200 and not stored again, also when it has failed: a sender's retry cannot help there,
//!   [`requeue`](Inbox::requeue) can.
//! * **Handled at least once.** A worker that dies after the handler has acted, and before that is
//!   recorded, causes a second run with the same request. So does one that cannot reach the store
//!   until its lease has ended.
//! * **No order.** A retried message is handled after later ones.
//!
//! # What the handler gets
//!
//! The request as it was verified: method, path and query, headers and body, with
//! [`VerifiedWebhook`](crate::wire::event::VerifiedWebhook) in its extensions. Credentials and headers of the connection
//! are [not stored](StoredRequest). Other extensions, such as a peer's address, are those of a connection
//! that has long been closed: they are not there.

mod entry;
mod erased;
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
pub use self::message::{InboxLease, InboxLeaseRequest, InboxOutcome, NewMessage, ReceiveOutcome};
pub use self::port::{InboxLog, InboxStore};
pub use self::request::StoredRequest;
pub use self::worker::{InboxSummary, InboxWorker, InboxWorkerBuilder};
pub use crate::queue::{LONGEST_LEASE, LeaseToken, QueueListener, QueueNotify};
