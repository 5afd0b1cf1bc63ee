//! Deletes finished work after its retention.

use std::error::Error;
use std::num::NonZeroU16;
use std::time::Duration;

use super::engine::{Engine, Job};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

impl<J: Job> Engine<J> {
    /// Deletes all work that finished longer ago than the retention, and returns its amount.
    pub(crate) async fn prune(&self) -> Result<usize, StoreError> {
        let before = self.finished_before();
        let mut pruned = 0;
        loop {
            let batch = self.job.prune(before, BATCH).await?;
            pruned += batch;
            if batch < BATCH.get().into() {
                return Ok(pruned);
            }
        }
    }

    /// Deletes in a loop, with pauses.
    pub(crate) async fn keep_pruning(&self) {
        if self.settings().retention == Duration::MAX {
            return std::future::pending().await;
        }
        let mut pause = BETWEEN_BATCHES;
        loop {
            tokio::time::sleep(pause).await;
            let pruned = self.job.prune(self.finished_before(), BATCH).await;
            pause = match pruned {
                Ok(batch) if batch >= BATCH.get().into() => BETWEEN_BATCHES,
                Ok(_) => BETWEEN_CHECKS,
                Err(error) => {
                    let cause = &error as &(dyn Error + 'static);
                    tracing::warn!(error = cause, "cannot delete finished work");
                    BETWEEN_CHECKS
                }
            };
        }
    }

    fn finished_before(&self) -> UnixMillis {
        self.now().saturating_sub(self.settings().retention)
    }
}

/// Events or messages deleted in one transaction: a few milliseconds during which nothing else can
/// write.
const BATCH: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// Long compared with a batch, so that the work comes first; at most 400 deletions a second.
const BETWEEN_BATCHES: Duration = Duration::from_millis(250);

const BETWEEN_CHECKS: Duration = Duration::from_mins(1);
