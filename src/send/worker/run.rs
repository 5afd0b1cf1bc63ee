//! The loop of a worker.

use std::error::Error;
use std::num::NonZeroU16;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Worker;
use super::attempt::DeliveryJob;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::queue::{
    AttemptCounts, AttemptResult, Job, LeaseRequest, QueueListener, WorkerSettings,
};
use crate::send::outbox::{DeliveryLease, OutboxStore as _};

impl Worker {
    /// Delivers until `stop` is cancelled, then waits for running attempts up to the
    /// [drain limit](super::builder::WorkerBuilder::drain).
    ///
    /// The worker drops attempts that still run after the limit; their leases lapse, and another
    /// worker takes them over. The same happens to all of them when this future is dropped. While
    /// the store fails, the worker retries after 1 s, 2 s, 4 s and so on, up to 30 s.
    pub async fn run(self, stop: CancellationToken) {
        self.engine.run(stop).await;
    }

    /// Makes one attempt at every delivery that is due now, and returns when all attempts have ended.
    ///
    /// For programs that a timer starts, and for tests with a clock of their own.
    /// [`run`](Self::run) also waits for more.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot lease. Attempts that had begun by then are finished.
    pub async fn deliver_due(&self) -> Result<DeliverySummary, StoreError> {
        Ok(self.engine.run_due().await?.into())
    }

    /// Deletes finished events after their
    /// [retention](super::builder::WorkerBuilder::retention), 100 at a time, and returns their number.
    ///
    /// For programs that call [`deliver_due`](Self::deliver_due); [`run`](Self::run) does it by
    /// itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails; earlier deletions remain.
    pub async fn prune(&self) -> Result<usize, StoreError> {
        self.engine.prune().await
    }
}

impl Job for DeliveryJob {
    type Lease = DeliveryLease;

    fn settings(&self) -> &WorkerSettings {
        &self.settings
    }

    fn listen(&self) -> QueueListener {
        self.outbox.listen()
    }

    async fn lease(&self, request: LeaseRequest) -> Result<Vec<DeliveryLease>, StoreError> {
        self.outbox.lease(self.per_endpoint, request).await
    }

    async fn perform(self: Arc<Self>, lease: DeliveryLease) -> AttemptResult {
        self.deliver(lease).await
    }

    async fn release(&self, lease: DeliveryLease) {
        if let Err(error) = self
            .outbox
            .release(&lease, self.settings.schedule.now())
            .await
        {
            let cause = &error as &(dyn Error + 'static);
            let delivery = &lease.id;
            tracing::warn!(error = cause, %delivery, "a lease was not released; it will lapse");
        }
    }

    async fn next_due(&self, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
        self.outbox.next_due(self.per_endpoint, now).await
    }

    async fn prune(&self, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError> {
        self.outbox.prune(before, max).await
    }
}

/// The results of a round of attempts.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DeliverySummary {
    /// Attempts that succeeded.
    pub delivered: usize,
    /// Attempts that failed, followed by another one or not.
    pub failed: usize,
    /// Attempts without a recorded outcome: the store failed, another worker had taken over, or the
    /// attempt panicked.
    pub unrecorded: usize,
}

impl From<AttemptCounts> for DeliverySummary {
    fn from(counts: AttemptCounts) -> Self {
        Self {
            delivered: counts.succeeded,
            failed: counts.failed,
            unrecorded: counts.unrecorded,
        }
    }
}
