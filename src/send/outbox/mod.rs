//! Endpoints, events and deliveries: the model, the ports, the emitter and the memory store.
//!
//! The store keeps an **event** once, with one **delivery** for each **endpoint** that wants it.
//! A worker **leases** deliveries, makes an **attempt** and **settles** the lease with the outcome.
//!
//! ```text
//!            ┌──────────── retry, release, lapse ────────────┐
//!            ▼                                               │
//! enqueue ─▶ pending ──────────────── lease ──────────────▶ leased ──▶ delivered   response 2xx
//!     │      │                                               ├───────▶ failed      410, or no attempt left
//!     │      └─ endpoint disabled ─▶ cancelled ◀─ endpoint disabled ─┘
//!     └─ endpoint is disabled ─▶ skipped
//! ```
//!
//! # What is promised
//!
//! * **At least once.** A delivery ends only when its outcome is recorded. A worker that dies after
//!   the endpoint acted and before the outcome is recorded causes a second request, with the same id
//!   and the same bytes and a fresh signature: receivers recognise the id.
//! * **No order.** A retried event arrives after later ones.
//! * **Nothing half stored.** One transaction stores an event and all its deliveries, and one an
//!   outcome, the next attempt's time and the endpoint's health.
//!
//! # When an endpoint is disabled
//!
//! Its pending deliveries are cancelled, and new events are stored for it as skipped. Besides the
//! operator, two things disable it:
//!
//! 1. it responds 410;
//! 2. a delivery runs out of attempts, the endpoint has accepted nothing for 5 days since its first
//!    failure, and at least 5 attempts failed in that time. Svix, too, takes five days; the count
//!    keeps one unlucky event a week from disabling an endpoint.

mod deliveries;
mod emitter;
mod endpoint;
mod endpoint_store;
mod endpoints;
mod handle;
mod health;
mod issued;
mod lease;
mod memory;
mod message;
mod new_endpoint;
mod port;
mod record;

#[cfg(test)]
mod tests;

pub use self::deliveries::{Deliveries, DeliveryLog};
pub use self::emitter::{EmitError, Emitter, MAX_PAYLOAD};
pub use self::endpoint::{
    DisabledBecause, Endpoint, EndpointSecrets, EndpointStatus, PreviousSecret,
};
pub use self::endpoint_store::EndpointStore;
pub use self::endpoints::Endpoints;
pub use self::handle::Outbox;
pub use self::health::Health;
pub use self::issued::{IssuedEndpoint, IssuedSecret};
pub use self::lease::{DeliveryLease, DeliveryWork, Outcome, Settled, Settlement};
pub use self::memory::MemoryOutbox;
pub use self::message::{IdempotencyKey, Inserted, InvalidIdempotencyKey, NewEvent};
pub use self::new_endpoint::{EndpointError, NewEndpoint};
pub use self::port::{OutboxConnection, OutboxStore};
pub use self::record::{
    Attempt, AttemptReport, Delivery, DeliveryState, FailureReason, MAX_RESPONSE,
    MAX_SUCCESS_RESPONSE,
};
pub use crate::queue::{
    LONGEST_LEASE, Lease, LeaseRequest, LeaseToken, QueueListener, QueueNotify,
};
pub use crate::wire::json::depth::MAX_DEPTH;
