//! Settings of an inbox worker.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::InboxWorker;
use super::handler::Handler;
use super::meters::InboxMeters;
use super::run::Runner;
use crate::queue::{
    Engine, MARGIN, RetryPolicy, WorkerConfigError, WorkerSettings, worker_setters,
};
use crate::receive::inbox::handle::Inbox;

/// Settings of an [`InboxWorker`]; made by [`InboxWorker::builder`].
#[must_use = "call `build` to get the worker"]
#[derive(Clone)]
pub struct InboxWorkerBuilder {
    inbox: Inbox,
    handler: Arc<dyn Handler>,
    settings: WorkerSettings,
}

impl InboxWorkerBuilder {
    pub(super) fn new(inbox: Inbox, handler: Arc<dyn Handler>) -> Self {
        Self {
            inbox,
            handler,
            settings: WorkerSettings::new(RetryPolicy::local_handler(), DEFAULT_TIMEOUT),
        }
    }

    /// Sets the retry policy. Default: [`RetryPolicy::local_handler`].
    ///
    /// The worker ignores `Retry-After` in the handler's response.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.schedule.retry = policy;
        self
    }

    /// Sets the timeout of one run, including the wait until the service is ready. Default: 5 min.
    /// Must not be zero.
    ///
    /// After the timeout the handler is dropped at its next `await`, and the run has failed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets how long a message stays with a worker that has died. Default: 60 s; at least 10 s, at
    /// most 1 h.
    ///
    /// The worker renews the lease at half time while the handler runs, so it may be shorter than
    /// the [timeout](Self::timeout).
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Sets how long a finished message is kept before it is deleted. Default: 30 days.
    /// [`Duration::MAX`] keeps everything.
    ///
    /// Of a handled message only the entry remains, of a failed one also the request: until then it
    /// can be [requeued](Inbox::requeue). The keys of a deleted message stay known for their 7 days.
    /// Of several workers of a source the shortest retention counts.
    ///
    /// [`run`](InboxWorker::run) deletes beside its work, 100 messages at a time, and checks once a
    /// minute. [`run_due`](InboxWorker::run_due) deletes nothing; see
    /// [`prune`](InboxWorker::prune).
    pub fn retention(mut self, kept: Duration) -> Self {
        self.settings.retention = kept;
        self
    }

    /// Creates the worker.
    ///
    /// # Errors
    ///
    /// [`WorkerConfigError`] if the lease is shorter than 10 s or longer than 1 h, or if the
    /// timeout or the poll pause is zero.
    pub fn build(self) -> Result<InboxWorker, WorkerConfigError> {
        self.settings.check(MARGIN)?;
        let runner = Runner {
            meters: InboxMeters::new(self.inbox.source()),
            inbox: self.inbox,
            handler: self.handler,
            settings: self.settings,
        };
        Ok(InboxWorker {
            engine: Engine::new(runner),
        })
    }
}

worker_setters!(InboxWorkerBuilder);

impl fmt::Debug for InboxWorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxWorkerBuilder")
            .field("inbox", &self.inbox)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

const DEFAULT_TIMEOUT: Duration = Duration::from_mins(5);
