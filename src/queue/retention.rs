//! Deleting what has been over for long, beside the work.

use std::error::Error;
use std::num::NonZeroU16;
use std::time::Duration;

use super::engine::{Engine, Job};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

impl<J: Job> Engine<J> {
    /// Deletes everything that has been over for longer than the retention, and returns how much.
    pub(crate) async fn prune(&self) -> Result<usize, StoreError> {
        let before = self.over_before();
        let mut pruned = 0;
        loop {
            let batch = self.job.prune(before, BATCH).await?;
            pruned += batch;
            if batch < BATCH.get().into() {
                return Ok(pruned);
            }
        }
    }

    /// Deletes for ever, with pauses.
    pub(crate) async fn keep_pruning(&self) {
        if self.limits.retention == Duration::MAX {
            return std::future::pending().await;
        }
        let mut pause = BETWEEN_BATCHES;
        loop {
            tokio::time::sleep(pause).await;
            let pruned = self.job.prune(self.over_before(), BATCH).await;
            pause = match pruned {
                Ok(batch) if batch >= BATCH.get().into() => BETWEEN_BATCHES,
                Ok(_) => BETWEEN_LOOKS,
                Err(error) => {
                    let cause = &error as &(dyn Error + 'static);
                    tracing::warn!(error = cause, "cannot delete what has been over for long");
                    BETWEEN_LOOKS
                }
            };
        }
    }

    fn over_before(&self) -> UnixMillis {
        let now = self.job.schedule().now();
        now.saturating_sub(self.limits.retention)
    }
}

/// Events, or messages, deleted in one transaction: a few milliseconds, in which nothing else can
/// be written.
const BATCH: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// Long against a batch, so that the work comes first; 400 a second at most.
const BETWEEN_BATCHES: Duration = Duration::from_millis(250);

const BETWEEN_LOOKS: Duration = Duration::from_mins(1);
