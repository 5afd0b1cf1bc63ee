//! Worker of an inbox: runs the handler of stored messages.

mod builder;
mod handler;
mod meters;
mod run;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

pub use self::builder::InboxWorkerBuilder;
use self::run::Runner;
use super::handle::Inbox;
use crate::base::error::{BoxError, StoreError};
use crate::queue::{AttemptCounts, Engine};

/// Runs the handler of messages that [`VerifyWebhookLayer::with_inbox`] stored.
///
/// Several workers, in one process or in many, may share a store: each message has one lease at a
/// time. See the [module docs](super) for an example.
///
/// [`VerifyWebhookLayer::with_inbox`]: crate::receive::verify::VerifyWebhookLayer::with_inbox
#[must_use = "a worker handles nothing until it runs"]
#[derive(Debug)]
pub struct InboxWorker {
    engine: Engine<Runner>,
}

impl InboxWorker {
    /// Starts the settings of a worker that hands the messages of `inbox` to `service`.
    ///
    /// `service` is the service that would stand behind the layer: an axum handler or method
    /// router, a router, a `service_fn`. Each run calls a clone once it is ready, with the request
    /// as it was [stored](super#what-the-handler-gets). Only the status of the response counts.
    ///
    /// A router sees the path that the layer saw. An extractor for data of a connection, such as
    /// `ConnectInfo`, fails.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use tower::service_fn;
    /// use tower_auth_sync::inbox::{InboxWorker, MemoryInbox};
    ///
    /// let inbox = MemoryInbox::new().inbox("crm")?;
    /// let handler = service_fn(async |_request: Request<Full<Bytes>>| {
    ///     Ok::<_, Infallible>(Response::new(()))
    /// });
    /// let worker = InboxWorker::builder(inbox, handler).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder<S, B>(inbox: Inbox, service: S) -> InboxWorkerBuilder
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
    {
        InboxWorkerBuilder::new(inbox, handler::erase(service))
    }

    /// Handles messages until `stop` is cancelled, then waits for running handlers up to the [drain
    /// timeout](InboxWorkerBuilder::drain).
    ///
    /// Handlers still running after that are dropped; their leases lapse, the run counts as failed,
    /// and another worker takes the messages over. The same happens to all of them when this future
    /// is dropped. While the store fails, the worker asks it again after 1 s, 2 s, 4 s and so on,
    /// up to 30 s.
    pub async fn run(self, stop: CancellationToken) {
        self.engine.run(stop).await;
    }

    /// Runs the handler once for every message that is due at the call, and returns when all runs
    /// have ended.
    ///
    /// For programs that a timer starts, and for tests with their own clock. Unlike
    /// [`run`](Self::run), it does not wait for more.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot list what is due. Runs that started before have ended.
    pub async fn run_due(&self) -> Result<InboxSummary, StoreError> {
        Ok(self.engine.run_due().await?.into())
    }

    /// Deletes every message that finished longer ago than the
    /// [retention](InboxWorkerBuilder::retention), 100 messages at a time, and returns their
    /// number.
    ///
    /// For programs that call [`run_due`](Self::run_due); [`run`](Self::run) deletes by itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails; earlier deletions persist.
    pub async fn prune(&self) -> Result<usize, StoreError> {
        self.engine.prune().await
    }
}

/// Result of a round of runs.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct InboxSummary {
    /// Handled messages.
    pub done: usize,
    /// Failed runs, whether a retry follows or not.
    pub failed: usize,
    /// Runs without a recorded outcome: the store failed, or another worker had taken over.
    pub unrecorded: usize,
}

impl From<AttemptCounts> for InboxSummary {
    fn from(counts: AttemptCounts) -> Self {
        Self {
            done: counts.succeeded,
            failed: counts.failed,
            unrecorded: counts.unrecorded,
        }
    }
}
