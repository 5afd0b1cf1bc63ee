//! When the next attempt is made.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, SystemClock, UnixMillis};
use crate::entropy::{Entropy, SystemEntropy, random};
use crate::retry::{AttemptNumber, RetryPolicy};

/// A retry policy with the time and the chance that it needs.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    pub(super) retry: RetryPolicy,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl Schedule {
    pub(super) fn new(retry: RetryPolicy) -> Self {
        Self {
            retry,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }

    pub(super) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// Draws uniformly from `0.0..=1.0`.
    pub(super) fn jitter(&self) -> f64 {
        f64::from(u32::from_le_bytes(random(&*self.entropy))) / f64::from(u32::MAX)
    }

    /// Returns when the attempt after `failed` is due, `asked` from now at the earliest; `None` if
    /// that was the last one.
    pub(super) fn after(
        &self,
        failed: AttemptNumber,
        asked: Option<Duration>,
    ) -> Option<UnixMillis> {
        let (next, now) = (failed.next(), self.now());
        self.retry.due_at(next, now, self.jitter(), asked)
    }
}
