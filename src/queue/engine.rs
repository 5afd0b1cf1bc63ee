//! Loop of every worker: lease, start, wait.

use std::error::Error;
use std::future::{Future, ready};
use std::num::NonZeroU16;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, lengthen};
use super::lease::LeaseRequest;
use super::notify::QueueListener;
use super::settings::WorkerSettings;
use super::shutdown::{AttemptResult, drain, finished, overdue};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

/// The work of a worker: how it is leased and done.
pub(crate) trait Job: Send + Sync + 'static {
    /// Lease of one unit of work.
    type Lease: Send + 'static;

    fn settings(&self) -> &WorkerSettings;

    fn listen(&self) -> QueueListener;

    /// Leases units that are due.
    fn lease(
        &self,
        request: LeaseRequest,
    ) -> impl Future<Output = Result<Vec<Self::Lease>, StoreError>> + Send;

    /// Does the work and records the outcome.
    fn perform(self: Arc<Self>, lease: Self::Lease) -> impl Future<Output = AttemptResult> + Send;

    /// Releases a lease without an attempt; logs a failure.
    fn release(&self, lease: Self::Lease) -> impl Future<Output = ()> + Send;

    /// Returns when work will be due, if nothing else happens.
    fn next_due(
        &self,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Option<UnixMillis>, StoreError>> + Send;

    /// Deletes up to `max` units that finished before `before`, and returns their number.
    fn prune(
        &self,
        before: UnixMillis,
        max: NonZeroU16,
    ) -> impl Future<Output = Result<usize, StoreError>> + Send;
}

/// Runs a job.
#[derive(Debug)]
pub(crate) struct Engine<J> {
    pub(crate) job: Arc<J>,
}

impl<J: Job> Engine<J> {
    pub(crate) fn new(job: J) -> Self {
        Self { job: Arc::new(job) }
    }

    pub(super) fn settings(&self) -> &WorkerSettings {
        self.job.settings()
    }

    pub(super) fn now(&self) -> UnixMillis {
        self.settings().schedule.now()
    }

    /// Works until `stop` is cancelled, then drains.
    pub(crate) async fn run(self, stop: CancellationToken) {
        tokio::select! {
            biased;
            () = self.keep_working(&stop) => {}
            () = self.keep_pruning() => {}
        }
    }

    async fn keep_working(&self, stop: &CancellationToken) {
        let mut listener = self.job.listen();
        let mut running = JoinSet::new();
        let mut backoff = STORE_AWAY;
        let mut overdue = pin!(overdue(stop, self.settings().drain));
        while !stop.is_cancelled() {
            let filled = tokio::select! {
                biased;
                filled = self.fill(&mut running, stop) => filled,
                () = &mut overdue => return drain(running, ready(())).await,
            };
            let pause = match filled {
                Ok(pause) => {
                    backoff = STORE_AWAY;
                    Pause::For(pause)
                }
                Err(error) => {
                    let cause = &error as &(dyn Error + 'static);
                    tracing::warn!(error = cause, "cannot lease what is due");
                    let jitter = self.settings().schedule.jitter();
                    Pause::BackOff(lengthen(backoff.fail(), jitter))
                }
            };
            pause.wait(&mut running, &mut listener, stop).await;
        }
        drain(running, overdue).await;
    }

    /// Starts one attempt at each unit that is due now, and waits until all end.
    pub(crate) async fn run_due(&self) -> Result<AttemptCounts, StoreError> {
        let due = self.now();
        let mut running = JoinSet::new();
        let mut counts = AttemptCounts::default();
        let mut leased = Ok(());
        loop {
            if let (Ok(()), Some(room)) = (&leased, self.room(&running)) {
                let leases = self.lease(room, due).await;
                leased = leases.map(|leases| self.begin(leases, &mut running));
            }
            match running.join_next().await {
                Some(ended) => counts.count(finished(ended)),
                None => return leased.map(|()| counts),
            }
        }
    }

    /// Leases and starts as much as there is room for. Returns the pause until more may be due,
    /// unless an attempt ends or the store notifies before.
    async fn fill(
        &self,
        running: &mut JoinSet<AttemptResult>,
        stop: &CancellationToken,
    ) -> Result<Duration, StoreError> {
        let poll = self.settings().poll;
        let Some(room) = self.room(running) else {
            return Ok(poll);
        };
        let now = self.now();
        let leases = self.lease(room, now).await?;
        if stop.is_cancelled() {
            for lease in leases {
                self.job.release(lease).await;
            }
            return Ok(poll);
        }
        let is_full = leases.len() >= usize::from(room.get());
        self.begin(leases, running);
        if is_full {
            return Ok(poll);
        }
        let next = self.job.next_due(now).await?;
        let pause = next.map_or(poll, |at| at.saturating_since(now));
        Ok(pause.max(SHORTEST_PAUSE).min(poll))
    }

    fn room(&self, running: &JoinSet<AttemptResult>) -> Option<NonZeroU16> {
        let running = u16::try_from(running.len()).unwrap_or(u16::MAX);
        NonZeroU16::new(self.settings().concurrency.get().saturating_sub(running))
    }

    async fn lease(&self, max: NonZeroU16, due: UnixMillis) -> Result<Vec<J::Lease>, StoreError> {
        let until = self.now().saturating_add(self.settings().lease);
        let last = self.settings().schedule.retry.max_attempts();
        self.job
            .lease(LeaseRequest::new(max, last, due, until))
            .await
    }

    fn begin(&self, leases: Vec<J::Lease>, running: &mut JoinSet<AttemptResult>) {
        for lease in leases {
            let job = Arc::clone(&self.job);
            running.spawn(async move { job.perform(lease).await });
        }
    }
}

/// Pause of a worker.
enum Pause {
    /// Ends early when an attempt ends or the store notifies.
    For(Duration),
    /// Lasts its whole time.
    BackOff(Duration),
}

impl Pause {
    /// Waits; also ends when the worker stops.
    async fn wait(
        self,
        running: &mut JoinSet<AttemptResult>,
        listener: &mut QueueListener,
        stop: &CancellationToken,
    ) {
        let (pause, is_back_off) = match self {
            Self::For(pause) => (pause, false),
            Self::BackOff(pause) => (pause, true),
        };
        let mut timer = pin!(tokio::time::sleep(pause));
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(ended) = running.join_next() => {
                    finished(ended);
                    // Attempts that ended at the same time need no lease call of their own.
                    while let Some(ended) = running.try_join_next() {
                        finished(ended);
                    }
                    if !is_back_off {
                        return;
                    }
                }
                () = listener.notified(), if !is_back_off => return,
                () = &mut timer => return,
            }
        }
    }
}

/// Results of a round of attempts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AttemptCounts {
    pub(crate) succeeded: usize,
    pub(crate) failed: usize,
    pub(crate) unrecorded: usize,
}

impl AttemptCounts {
    const fn count(&mut self, ended: AttemptResult) {
        let counter = match ended {
            AttemptResult::Succeeded => &mut self.succeeded,
            AttemptResult::Failed => &mut self.failed,
            AttemptResult::Unrecorded => &mut self.unrecorded,
        };
        *counter += 1;
    }
}

/// Bounds the polls of a store that reports a past due time and leases nothing.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// Pauses while the store fails; jitter spreads workers that lost the same one.
const STORE_AWAY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
