//! The workers: they lease work from a store, do it, and record the outcome.
//!
//! # Deliveries
//!
//! [`Worker`] (feature `emit`) signs and posts the deliveries that are due.
//!
//! ```no_run
//! # #[cfg(feature = "emit")] {
//! use tokio_util::sync::CancellationToken;
//! use tower_auth_sync::outbox::Outbox;
//! use tower_auth_sync::queue::WorkerConfigError;
//! use tower_auth_sync::worker::Worker;
//!
//! # async fn start(outbox: Outbox) -> Result<(), WorkerConfigError> {
//! let stop = CancellationToken::new();
//! let worker = tokio::spawn(Worker::builder(outbox).build()?.run(stop.clone()));
//! // … serve requests, wait for a signal …
//! stop.cancel();
//! worker.await.ok();
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! One attempt:
//!
//! 1. The store leases the delivery and counts the attempt: a delivery that kills workers runs out of
//!    attempts.
//! 2. The worker signs the stored bytes with every secret that is valid now, under the event's id and a
//!    fresh timestamp. `content-type` is `application/json`.
//! 3. The [egress policy](crate::http::egress) checks the endpoint's URL and every address of its name;
//!    the worker dials none that the policy refuses.
//! 4. One timeout covers the whole exchange. The worker reads at most 16 KiB of the response, and
//!    keeps 1 KiB of a successful one. It follows no redirect, uses no proxy of the environment and
//!    sends nothing twice.
//! 5. 2xx is success. 410 disables the endpoint. Every other response, a redirect too, is a failure,
//!    and the [retry policy](crate::queue) sets the next attempt; on 409, 429, 502, 503 and 504
//!    `Retry-After` can put it off further, by 24 h at most. Except after a 409, this pauses the whole
//!    endpoint: the worker sends it nothing until then, after a 429 for at least a minute. An attempt
//!    that is already running and succeeds ends the pause.
//! 6. The worker records the outcome under the lease. If another worker has taken the delivery over,
//!    the store discards the outcome.
//!
//! Besides, the worker deletes events 30 days after they finished, in small batches
//! ([`retention`](WorkerBuilder::retention)).
//!
//! The wall clock decides what is due. A clock that is set ahead makes retries, and leases of attempts
//! under way, run out sooner; a clock that is set back makes retries wait longer by as much, up to
//! [`LONGEST_WAIT`](crate::queue::RetryPolicy::LONGEST_WAIT). In either case an untried delivery goes
//! out at once, and a lease lapses after a lease's time at the latest. The clocks of machines that
//! share a store must agree to half a lease, or a second worker repeats an attempt under way.
//!
//! Delivery is at least once: a worker that dies between 4 and 6 causes a second request with the
//! same id and the same bytes. Order is not kept.
//!
//! Each attempt has a tracing span of its own with the ids of delivery, event and endpoint; the worker
//! logs no payload, URL, secret or signature.
//!
//! # An inbox
//!
//! [`InboxWorker`](crate::receive::inbox::InboxWorker) (feature `verify`) runs the handler of
//! [stored](crate::receive::inbox) messages. One run:
//!
//! 1. The store leases the message and counts the attempt: a message that kills workers runs out of
//!    attempts.
//! 2. The worker calls a ready clone of the handler's service with the stored request. Meanwhile it
//!    renews the lease.
//! 3. 2xx is success. Every other status, an error, a panic and the end of the timeout are failures,
//!    and the retry policy sets the next attempt; after the last attempt the message has failed.
//! 4. The worker records the outcome under the lease: the status or the kind of the failure, nothing
//!    else. If another worker has taken the message over, the store discards the outcome.
//!
//! Messages are handled at least once: a worker that dies between 2 and 4, or that cannot reach the
//! store until its lease has lapsed, causes a second run. A handler should recognise by the message's
//! id what it has done already.
//!
//! Leases lapse by the wall clock, as deliveries' do. The clocks of machines that share a store must
//! agree to half a lease: a machine further ahead takes a lease under renewal for lapsed, and two
//! workers run the handler at once. Only one of them can record its outcome.
//!
//! Each run has a tracing span of its own with the source and the id in the inbox; the worker logs the
//! service's error, and nothing of the request.

mod attempt;
mod builder;
mod classify;
mod run;

#[cfg(test)]
mod tests;

use self::attempt::DeliveryJob;
pub use self::builder::WorkerBuilder;
pub use self::run::DeliverySummary;
use crate::queue::Engine;
use crate::send::outbox::Outbox;

/// Delivers the events of a store. The [module docs](self#deliveries) describe an attempt.
///
/// Several workers, in one process or in many, may share a store.
///
/// ```
/// use tokio_util::sync::CancellationToken;
/// use tower_auth_sync::outbox::MemoryOutbox;
/// use tower_auth_sync::queue::WorkerConfigError;
/// use tower_auth_sync::worker::Worker;
///
/// async fn deliver(store: MemoryOutbox, stop: CancellationToken) -> Result<(), WorkerConfigError> {
///     Worker::builder(store).build()?.run(stop).await;
///     Ok(())
/// }
/// ```
#[must_use = "a worker delivers nothing until it runs"]
#[derive(Debug)]
pub struct Worker {
    engine: Engine<DeliveryJob>,
}

impl Worker {
    /// Begins the settings of a worker for `outbox`: a store of this crate, or
    /// [`Outbox::new`] of your own.
    pub fn builder(outbox: impl Into<Outbox>) -> WorkerBuilder {
        WorkerBuilder::new(outbox.into())
    }
}
