//! One run: calls the handler, renews the lease, records the outcome.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

use super::handler::{Handler, HandlerResult};
use super::meters::InboxMeters;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{AttemptResult, Job, LeaseRequest, QueueListener, WorkerSettings, record};
use crate::receive::inbox::entry::Failure;
use crate::receive::inbox::handle::Inbox;
use crate::receive::inbox::message::{InboxLease, InboxOutcome};

/// Runs the handler.
pub(super) struct Runner {
    pub(super) inbox: Inbox,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) settings: WorkerSettings,
    pub(super) meters: InboxMeters,
}

/// Result of a run.
enum Run {
    Handled,
    Failed(Failure),
    /// Another worker has the message, or the runtime ends.
    Lost,
}

impl Runner {
    async fn run(&self, lease: &InboxLease) -> Run {
        let request = match lease.work.clone().into_request() {
            Ok(request) => request,
            Err(error) => {
                let cause = &error as &(dyn Error + 'static);
                tracing::error!(error = cause, "a message is given up");
                return Run::Failed(Failure::Unreadable);
            }
        };
        // A separate task isolates the lease from a panic and from a handler that does not yield.
        // Dropping the set ends the task.
        let mut running = JoinSet::new();
        let handling = Arc::clone(&self.handler).handle(request);
        running.spawn(handling.in_current_span());
        tokio::select! {
            biased;
            Some(ended) = running.join_next() => outcome_of(ended),
            () = sleep(self.settings.timeout) => Run::Failed(Failure::Timeout),
            () = self.renew(lease) => Run::Lost,
        }
    }

    /// Renews the lease at half time. Returns when it is lost.
    async fn renew(&self, lease: &InboxLease) {
        let mut pause = self.settings.lease / 2;
        loop {
            sleep(pause).await;
            let until = self
                .settings
                .schedule
                .now()
                .saturating_add(self.settings.lease);
            pause = match self.inbox.extend(lease, until).await {
                Ok(()) => self.settings.lease / 2,
                Err(error) if error.is_lease_lost() => {
                    tracing::warn!("another worker has taken over; the handler is stopped");
                    return;
                }
                Err(error) => {
                    let cause = &error as &(dyn Error + 'static);
                    tracing::warn!(error = cause, "a lease could not be renewed; trying again");
                    self.settings.lease / 12
                }
            };
        }
    }

    async fn settle(&self, lease: &InboxLease, run: Run, duration: Duration) -> AttemptResult {
        let (outcome, ended) = match run {
            Run::Handled => (InboxOutcome::Done, AttemptResult::Succeeded),
            Run::Failed(failure) => (self.after(lease, failure), AttemptResult::Failed),
            Run::Lost => {
                self.meters.record(None, duration);
                return AttemptResult::Unrecorded;
            }
        };
        self.meters.record(Some(outcome), duration);
        log(outcome);
        let settle = || {
            let now = self.settings.schedule.now();
            self.inbox.settle(lease, outcome, now)
        };
        // The lease ends within this time; then another worker may take the message.
        let recorded = record(self.settings.lease, settle).await;
        recorded.map_or(AttemptResult::Unrecorded, |()| ended)
    }

    fn after(&self, lease: &InboxLease, failure: Failure) -> InboxOutcome {
        let next = match failure {
            Failure::Unreadable => None,
            _ => self.settings.schedule.after(lease.attempt, None),
        };
        next.map_or(InboxOutcome::Failed { failure }, |at| InboxOutcome::Retry {
            at,
            failure,
        })
    }
}

impl Job for Runner {
    type Lease = InboxLease;

    fn settings(&self) -> &WorkerSettings {
        &self.settings
    }

    fn listen(&self) -> QueueListener {
        self.inbox.listen()
    }

    async fn lease(&self, request: LeaseRequest) -> Result<Vec<InboxLease>, StoreError> {
        self.inbox.lease(request).await
    }

    async fn perform(self: Arc<Self>, lease: InboxLease) -> AttemptResult {
        let span = tracing::info_span!(
            "inbox_run",
            source = self.inbox.source(),
            message = %lease.id,
            attempt = %lease.attempt,
        );
        async {
            let begun = Instant::now();
            let run = self.run(&lease).await;
            self.settle(&lease, run, begun.elapsed()).await
        }
        .instrument(span)
        .await
    }

    async fn release(&self, lease: InboxLease) {
        if let Err(error) = self
            .inbox
            .release(&lease, self.settings.schedule.now())
            .await
        {
            let cause = &error as &(dyn Error + 'static);
            let message = &lease.id;
            tracing::warn!(error = cause, %message, "a lease was not released; it will lapse");
        }
    }

    async fn next_due(&self, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
        self.inbox.next_due(now).await
    }

    async fn prune(&self, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
        self.inbox.prune(before, max).await
    }
}

fn outcome_of(ended: Result<HandlerResult, JoinError>) -> Run {
    match ended {
        Ok(Ok(status)) if status.is_success() => Run::Handled,
        Ok(Ok(status)) => Run::Failed(Failure::Status(status)),
        Ok(Err(error)) => {
            tracing::warn!(
                error = &*error as &(dyn Error + 'static),
                "the handler failed"
            );
            Run::Failed(Failure::Error)
        }
        Err(ended) if ended.is_panic() => Run::Failed(Failure::Panic),
        Err(_cancelled) => Run::Lost,
    }
}

fn log(outcome: InboxOutcome) {
    match outcome {
        InboxOutcome::Done => tracing::info!("handled"),
        InboxOutcome::Retry { at, failure } => {
            tracing::warn!(%failure, next = at.as_millis(), "a run failed; another one follows");
        }
        InboxOutcome::Failed { failure } => {
            tracing::error!(%failure, "a message failed; it is kept and can be requeued");
        }
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("inbox", &self.inbox)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
