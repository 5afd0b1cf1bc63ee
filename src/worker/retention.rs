//! Deleting what has been over for long, beside the deliveries.

use std::error::Error;
use std::num::NonZeroU16;
use std::time::Duration;

use super::Worker;
use crate::clock::UnixMillis;
use crate::delivery::DeliveryStore;
use crate::store_error::StoreError;

impl<S: DeliveryStore> Worker<S> {
    /// Deletes everything that has been over for longer than the
    /// [retention](super::WorkerBuilder::retention), 100 events at a time, and returns how many
    /// events that were.
    ///
    /// For programs that call [`deliver_due`](Self::deliver_due); [`run`](Self::run) does it by
    /// itself.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails; what was deleted before stays deleted.
    pub async fn prune(&self) -> Result<usize, StoreError> {
        let before = self.over_before();
        let mut pruned = 0;
        loop {
            let batch = self.courier.store.prune(before, BATCH).await?;
            pruned += batch;
            if batch < BATCH.get().into() {
                return Ok(pruned);
            }
        }
    }

    /// Deletes for ever, with pauses.
    pub(super) async fn keep_pruning(&self) {
        if self.limits.retention == Duration::MAX {
            return std::future::pending().await;
        }
        let mut pause = BETWEEN_BATCHES;
        loop {
            tokio::time::sleep(pause).await;
            let pruned = self.courier.store.prune(self.over_before(), BATCH).await;
            pause = match pruned {
                Ok(batch) if batch >= BATCH.get().into() => BETWEEN_BATCHES,
                Ok(_) => BETWEEN_LOOKS,
                Err(error) => {
                    let cause = &error as &(dyn Error + 'static);
                    tracing::warn!(error = cause, "cannot delete old events");
                    BETWEEN_LOOKS
                }
            };
        }
    }

    fn over_before(&self) -> UnixMillis {
        let now = self.courier.clock.now();
        now.saturating_sub(self.limits.retention)
    }
}

/// Events deleted in one transaction: a few milliseconds, in which nothing else can be written.
const BATCH: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// Long against a batch, so that deliveries come first; 400 events a second at most.
const BETWEEN_BATCHES: Duration = Duration::from_millis(250);

const BETWEEN_LOOKS: Duration = Duration::from_mins(1);
