//! Settings of an inbox worker.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use super::InboxWorker;
use super::handler::Handler;
use super::meters::InboxMeters;
use super::run::Runner;
use crate::base::clock::Clock;
use crate::base::entropy::Entropy;
use crate::queue::{Engine, Limits, MARGIN, RetryPolicy, Schedule, WorkerConfigError};
use crate::receive::inbox::handle::Inbox;

/// Settings of an [`InboxWorker`]; made by [`InboxWorker::builder`].
#[must_use = "call `build` to get the worker"]
#[derive(Clone)]
pub struct InboxWorkerBuilder {
    inbox: Inbox,
    handler: Arc<dyn Handler>,
    schedule: Schedule,
    limits: Limits,
    timeout: Duration,
}

impl InboxWorkerBuilder {
    pub(super) fn new(inbox: Inbox, handler: Arc<dyn Handler>) -> Self {
        Self {
            inbox,
            handler,
            schedule: Schedule::new(RetryPolicy::local_handler()),
            limits: Limits {
                concurrency: DEFAULT_CONCURRENCY,
                lease: DEFAULT_LEASE,
                poll: DEFAULT_POLL,
                drain: DEFAULT_DRAIN,
                retention: DEFAULT_RETENTION,
            },
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// Sets the retry policy. Default: [`RetryPolicy::local_handler`].
    ///
    /// The worker ignores `Retry-After` in the handler's response.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.schedule.retry = policy;
        self
    }

    /// Sets the clock that decides what is due. Default: the system's.
    ///
    /// Timeouts, pauses and the drain limit run on tokio's timer.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.schedule.clock = Arc::new(clock);
        self
    }

    /// Sets the entropy of the retry jitter. Default: the system's generator.
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.schedule.entropy = Arc::new(entropy);
        self
    }

    /// Sets the number of concurrent handlers of this worker. Default: 16.
    pub fn concurrency(mut self, runs: NonZeroU16) -> Self {
        self.limits.concurrency = runs;
        self
    }

    /// Sets the timeout of one run, including the wait until the service is ready. Default: 5 min.
    /// Must not be zero.
    ///
    /// After the timeout the handler is dropped at its next `await`, and the run has failed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long a message stays with a worker that has died. Default: 60 s; at least 10 s, at
    /// most 1 h.
    ///
    /// The worker renews the lease at half time while the handler runs, so it may be shorter than
    /// the [timeout](Self::timeout).
    pub fn lease(mut self, lease: Duration) -> Self {
        self.limits.lease = lease;
        self
    }

    /// Sets the longest pause between two polls of the store. Default: 1 s. Must not be zero.
    ///
    /// Only messages from another process, or from another value of the store, wait that long.
    /// Messages from the same handle or a copy notify the worker at once, and it knows when a retry
    /// is due.
    pub fn poll(mut self, pause: Duration) -> Self {
        self.limits.poll = pause;
        self
    }

    /// Sets how long running handlers may continue after the stop. Default: 20 s.
    ///
    /// If it is below the [timeout](Self::timeout), a stop may interrupt handlers; another worker
    /// repeats them once their lease has ended.
    pub fn drain(mut self, limit: Duration) -> Self {
        self.limits.drain = limit;
        self
    }

    /// Sets how long a finished message is kept before it is deleted. Default: 30 days.
    /// [`Duration::MAX`] keeps everything.
    ///
    /// Of a handled message only the entry remains, of a failed one also the request: until then it
    /// can be [requeued](Inbox::requeue). A message is not deleted while its keys must be known,
    /// for 7 days. Of several workers of a source the shortest retention counts.
    ///
    /// [`run`](InboxWorker::run) deletes beside its work, 100 messages at a time, and checks once a
    /// minute. [`run_due`](InboxWorker::run_due) deletes nothing; see
    /// [`prune`](InboxWorker::prune).
    pub fn retention(mut self, kept: Duration) -> Self {
        self.limits.retention = kept;
        self
    }

    /// Creates the worker.
    ///
    /// # Errors
    ///
    /// [`WorkerConfigError`] if the lease is shorter than 10 s or longer than 1 h, or if the
    /// timeout or the poll pause is zero.
    pub fn build(self) -> Result<InboxWorker, WorkerConfigError> {
        self.limits.check(self.timeout)?;
        if self.limits.lease < MARGIN {
            return Err(WorkerConfigError::LeaseTooShortToRenew {
                lease: self.limits.lease,
                least: MARGIN,
            });
        }
        let runner = Runner {
            meters: InboxMeters::new(self.inbox.source()),
            inbox: self.inbox,
            handler: self.handler,
            schedule: self.schedule,
            timeout: self.timeout,
            lease: self.limits.lease,
        };
        Ok(InboxWorker {
            engine: Engine::new(runner, self.limits),
        })
    }
}

impl fmt::Debug for InboxWorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxWorkerBuilder")
            .field("inbox", &self.inbox)
            .field("schedule", &self.schedule)
            .field("limits", &self.limits)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

const DEFAULT_CONCURRENCY: NonZeroU16 = NonZeroU16::new(16).unwrap();
const DEFAULT_LEASE: Duration = Duration::from_mins(1);
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(5);
const DEFAULT_POLL: Duration = Duration::from_secs(1);
const DEFAULT_DRAIN: Duration = Duration::from_secs(20);
const DEFAULT_RETENTION: Duration = Duration::from_hours(30 * 24);
