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
use crate::queue::MARGIN;
use crate::queue::RetryPolicy;
use crate::queue::Schedule;
use crate::queue::WorkerConfigError;
use crate::queue::{Engine, Limits};
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

    /// Sets how often a message is tried and when. Default: [`RetryPolicy::local_handler`].
    ///
    /// `Retry-After` in the handler's answer is not looked at.
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

    /// Sets where the jitter of retries comes from. Default: the system's generator.
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.schedule.entropy = Arc::new(entropy);
        self
    }

    /// Sets how many handlers run at once in this worker. Default: 16.
    pub fn concurrency(mut self, runs: NonZeroU16) -> Self {
        self.limits.concurrency = runs;
        self
    }

    /// Sets how long one run may take, the wait until the service is ready included. Default: 5 min.
    /// Must not be zero.
    ///
    /// Then the handler is dropped at its next `await`, and the run has failed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long a message stays with a worker that no longer answers. Default: 60 s; at least
    /// 10 s, 1 h at most.
    ///
    /// While the handler runs the lease is renewed at half time, so that it may be shorter than the
    /// [timeout](Self::timeout).
    pub fn lease(mut self, lease: Duration) -> Self {
        self.limits.lease = lease;
        self
    }

    /// Sets the longest pause before the store is asked again. Default: 1 s. Must not be zero.
    ///
    /// Only what another process, or another value of the store, stores waits so long: of what comes
    /// through the same handle or a copy the worker hears at once, and it knows when a retry is due.
    pub fn poll(mut self, pause: Duration) -> Self {
        self.limits.poll = pause;
        self
    }

    /// Sets how long running handlers may go on after the worker was told to stop. Default: 20 s.
    ///
    /// Below the [timeout](Self::timeout), a stop may cut handlers off; another worker repeats them
    /// once their lease has ended.
    pub fn drain(mut self, limit: Duration) -> Self {
        self.limits.drain = limit;
        self
    }

    /// Sets how long a message is kept once it is over; then it is deleted. Default: 30 days.
    /// [`Duration::MAX`] keeps everything.
    ///
    /// Of a message that was handled only the record is kept, of one that failed also the request: until
    /// then it can be [requeued](Inbox::requeue). As long as a message has to be known again, for
    /// 7 days, it is not deleted. Of several workers of a source the shortest retention counts.
    ///
    /// [`run`](InboxWorker::run) deletes beside its work, 100 messages at a time, and looks once a
    /// minute; [`run_due`](InboxWorker::run_due) deletes nothing, see [`prune`](InboxWorker::prune).
    pub fn retention(mut self, kept: Duration) -> Self {
        self.limits.retention = kept;
        self
    }

    /// Makes the worker.
    ///
    /// # Errors
    ///
    /// [`WorkerConfigError`] if the lease is shorter than 10 s or longer than 1 h, or if the timeout or the
    /// poll pause is zero.
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
