//! The worker of an inbox: runs the handler of what was received.

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
use crate::base::error::BoxError;
use crate::base::error::StoreError;
use crate::queue::{AttemptCounts, Engine};

/// Runs the handler of messages that [`VerifyWebhookLayer::with_inbox`] stored.
///
/// Several workers, in one process or in many, may share a store: each message is under one lease at
/// a time. See the [module docs](super#an-inbox) for what a run is.
///
/// [`VerifyWebhookLayer::with_inbox`]: crate::receive::verify::VerifyWebhookLayer::with_inbox
#[must_use = "a worker handles nothing until it runs"]
#[derive(Debug)]
pub struct InboxWorker {
    engine: Engine<Runner>,
}

impl InboxWorker {
    /// Begins the settings of a worker that gives the messages of `inbox` to `service`.
    ///
    /// `service` is whatever would stand behind the layer: an axum handler or method router, a
    /// router, a `service_fn`. Each run calls a clone of it once that is ready, with the request as
    /// it was [stored](super#what-the-handler-gets). Of the answer only the status counts.
    ///
    /// A router sees the path that the layer saw; an extractor of something that only a connection
    /// has, such as `ConnectInfo`, fails.
    pub fn builder<S, B>(inbox: Inbox, service: S) -> InboxWorkerBuilder
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
    {
        InboxWorkerBuilder::new(inbox, handler::erase(service))
    }

    /// Handles messages until `stop` is cancelled, then waits for running handlers up to the
    /// [drain limit](InboxWorkerBuilder::drain).
    ///
    /// Handlers still running after the limit are dropped; their leases end by themselves, the run
    /// counts as failed, and another worker takes the messages over. The same happens to all of them
    /// when this future is dropped. While the store fails it is asked again after 1 s, 2 s, 4 s and so
    /// on, up to 30 s.
    pub async fn run(self, stop: CancellationToken) {
        self.engine.run(stop).await;
    }

    /// Runs the handler once for everything that is due when it is called, and returns when all
    /// runs have ended.
    ///
    /// For programs that are started by a timer, and for tests with a clock of their own. What
    /// [`run`](Self::run) does beyond it is to wait for more.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not say what is due. Runs that had begun by then have been
    /// finished.
    pub async fn run_due(&self) -> Result<InboxSummary, StoreError> {
        Ok(self.engine.run_due().await?.into())
    }

    /// Deletes everything that has been over for longer than the
    /// [retention](InboxWorkerBuilder::retention), 100 messages at a time, and returns how many
    /// messages that were.
    ///
    /// For programs that call [`run_due`](Self::run_due); [`run`](Self::run) does it by itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails; what was deleted before stays deleted.
    pub async fn prune(&self) -> Result<usize, StoreError> {
        self.engine.prune().await
    }
}

/// What a round of runs came to.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct InboxSummary {
    /// Messages that were handled.
    pub done: usize,
    /// Runs that failed, whether another one follows or not.
    pub failed: usize,
    /// Runs whose outcome was not recorded: the store failed, or another worker had taken over.
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
