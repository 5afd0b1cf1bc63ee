//! What a worker does with its store.

use std::error::Error;
use std::num::NonZeroU16;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Worker;
use super::attempt::Courier;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::QueueListener;
use crate::queue::Schedule;
use crate::queue::{AttemptCounts, AttemptResult, Job};
use crate::send::outbox::{Lease, LeaseRequest, OutboxStore};

impl<S: OutboxStore> Worker<S> {
    /// Delivers until `stop` is cancelled, then waits for running attempts up to the
    /// [drain limit](super::builder::WorkerBuilder::drain).
    ///
    /// Attempts still running after the limit are dropped; their leases end by themselves and
    /// another worker takes them over. The same happens to all of them when this future is dropped.
    /// While the store fails it is asked again after 1 s, 2 s, 4 s and so on, up to 30 s.
    pub async fn run(self, stop: CancellationToken) {
        self.engine.run(stop).await;
    }

    /// Makes one attempt at everything that is due when it is called, and returns when all of them
    /// have ended.
    ///
    /// For programs that are started by a timer, and for tests with a clock of their own. What
    /// [`run`](Self::run) does beyond it is to wait for more.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store could not say what is due. Attempts that had begun by then have
    /// been finished.
    pub async fn deliver_due(&self) -> Result<Summary, StoreError> {
        Ok(self.engine.run_due().await?.into())
    }

    /// Deletes everything that has been over for longer than the
    /// [retention](super::builder::WorkerBuilder::retention), 100 events at a time, and returns how many
    /// events that were.
    ///
    /// For programs that call [`deliver_due`](Self::deliver_due); [`run`](Self::run) does it by
    /// itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails; what was deleted before stays deleted.
    pub async fn prune(&self) -> Result<usize, StoreError> {
        self.engine.prune().await
    }
}

impl<S: OutboxStore> Job for Courier<S> {
    type Lease = Lease;

    fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    fn listen(&self) -> QueueListener {
        self.store.listen()
    }

    async fn lease(
        &self,
        max: NonZeroU16,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Vec<Lease>, StoreError> {
        let request = LeaseRequest {
            max,
            per_endpoint: self.per_endpoint,
            max_attempts: self.schedule.retry.max_attempts(),
            now,
            until,
        };
        self.store.lease(request).await
    }

    async fn perform(self: Arc<Self>, lease: Lease) -> AttemptResult {
        self.deliver(lease).await
    }

    async fn release(&self, lease: Lease) {
        if let Err(error) = self.store.release(&lease, self.schedule.now()).await {
            let cause = &error as &(dyn Error + 'static);
            let delivery = &lease.delivery;
            tracing::warn!(error = cause, %delivery, "a lease was not released; it will lapse");
        }
    }

    async fn next_due(&self, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
        self.store.next_due(self.per_endpoint, now).await
    }

    async fn prune(&self, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
        self.store.prune(before, max).await
    }
}

/// What a round of attempts came to.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// Attempts that succeeded.
    pub delivered: usize,
    /// Attempts that failed, whether another one follows or not.
    pub failed: usize,
    /// Attempts whose outcome was not recorded: the store failed, another worker had taken over, or
    /// the attempt panicked.
    pub unrecorded: usize,
}

impl From<AttemptCounts> for Summary {
    fn from(counts: AttemptCounts) -> Self {
        Self {
            delivered: counts.succeeded,
            failed: counts.failed,
            unrecorded: counts.unrecorded,
        }
    }
}
