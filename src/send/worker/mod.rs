//! The workers: what takes work from a store, does it, and records how it went.
//!
//! # Deliveries
//!
//! [`Worker`] (feature `delivery`) signs what is due and posts it.
//!
//! ```no_run
//! # #[cfg(feature = "emit")] {
//! use tokio_util::sync::CancellationToken;
//! use tower_auth_sync::outbox::OutboxStore;
//! use tower_auth_sync::queue::WorkerConfigError;
//! use tower_auth_sync::worker::Worker;
//!
//! # async fn start(store: impl OutboxStore) -> Result<(), WorkerConfigError> {
//! let stop = CancellationToken::new();
//! let worker = tokio::spawn(Worker::builder(store).build()?.run(stop.clone()));
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
//! 1. The store leases the delivery and counts the attempt: what kills workers runs out.
//! 2. The stored bytes are signed with every secret that is valid now, under the event's id and a
//!    fresh timestamp. `content-type` is `application/json`.
//! 3. The endpoint's URL and every address behind its name are judged by the
//!    [egress policy](crate::http::egress); nothing that it refuses is dialled.
//! 4. One deadline covers the whole exchange, and no more than 16 KiB of the answer are read; of a
//!    success 1 KiB is kept. No
//!    redirect is followed, no proxy of the environment is used, nothing is sent twice.
//! 5. 2xx is success. 410 disables the endpoint. Everything else, redirects too, is a failure and
//!    tried again as the [retry policy](crate::queue) says; on 409, 429, 502, 503 and 504
//!    `Retry-After` can put it off further, by 24 h at most. Unless it was a 409, nothing else is
//!    sent to the endpoint until then either, and after a 429 nothing for a minute at least; a
//!    success meanwhile, of an attempt that was under way, ends the pause.
//! 6. The outcome is recorded under the lease. If another worker has taken the delivery over, it is
//!    discarded.
//!
//! Beside that it deletes, in small batches, what has been over for 30 days
//! ([`retention`](WorkerBuilder::retention)).
//!
//! What is due is decided by the wall clock. One that is set ahead makes retries, and leases of
//! attempts under way, run out sooner; one that is set back makes retries wait by as much longer, up
//! to [`LONGEST_WAIT`](crate::queue::RetryPolicy::LONGEST_WAIT). What was never tried goes out at once
//! in either case, and a lease ends after a lease's time at the latest. The clocks of machines that share a
//! store have to agree to half a lease, or an attempt under way is made a second time.
//!
//! Delivery is at least once: a worker that dies between 4 and 6 causes a second request with the
//! same id and the same bytes. Order is not kept.
//!
//! Each attempt has a tracing span of its own with the ids of delivery, event and endpoint; no
//! payload, URL, secret or signature is logged.
//!
//! # An inbox
//!
//! [`InboxWorker`] (feature `inbox`) runs the handler of messages that were
//! [stored](crate::receive::inbox) when they came. One run:
//!
//! 1. The store leases the message and counts the attempt: what kills workers runs out.
//! 2. A clone of the handler's service is called, once it is ready, with the stored request. While it
//!    runs the lease is renewed.
//! 3. 2xx is success. Every other status, an error, a panic and the end of the timeout are failures
//!    and tried again as the retry policy says; after the last attempt the message has failed.
//! 4. The outcome is recorded under the lease: the status or the kind of the failure, nothing else. If
//!    another worker has taken the message over, it is discarded.
//!
//! Messages are handled at least once: a worker that dies between 2 and 4, or that cannot reach the
//! store until its lease has ended, causes a second run. A
//! handler should find out by the message's id what it has done already.
//!
//! Leases end by the wall clock, as deliveries' do. The clocks of machines that share a store have to
//! agree to half a lease: to one that is further ahead a lease seems over that is being renewed, and
//! two workers run the handler at once. Only one of them can record its outcome.
//!
//! Each run has a tracing span of its own with the source and the id in the inbox; of what the service
//! says its error is logged, and nothing of the request.

mod attempt;
mod builder;
mod classify;
mod run;

#[cfg(test)]
mod tests;

use self::attempt::Courier;
pub use self::builder::WorkerBuilder;
pub use self::run::Summary;
use crate::queue::Engine;

/// Delivers what a store holds. See the [module docs](self#deliveries) for what an attempt does.
///
/// Several workers, in one process or in many, may share a store.
#[must_use = "a worker delivers nothing until it runs"]
#[derive(Debug)]
pub struct Worker<S> {
    engine: Engine<Courier<S>>,
}

impl<S> Worker<S> {
    /// Begins the settings of a worker for `store`.
    pub fn builder(store: S) -> WorkerBuilder<S> {
        WorkerBuilder::new(store)
    }
}
