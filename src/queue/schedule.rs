//! Schedule of attempts.

use std::sync::Arc;
use std::time::Duration;

use super::attempt_number::AttemptNumber;
use super::retry::RetryPolicy;
use crate::base::clock::{Clock, SystemClock, UnixMillis};
use crate::base::entropy::{Entropy, SystemEntropy, random};

/// A retry policy with its clock and entropy.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) retry: RetryPolicy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Schedule {
    pub(crate) fn new(retry: RetryPolicy) -> Self {
        Self {
            retry,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// Draws uniformly from `0.0..=1.0`.
    pub(crate) fn jitter(&self) -> f64 {
        f64::from(u32::from_le_bytes(random(&*self.entropy))) / f64::from(u32::MAX)
    }

    /// Returns the due time of the attempt after `failed`, `requested` from now at the earliest;
    /// `None` if that was the last one.
    pub(crate) fn after(
        &self,
        failed: AttemptNumber,
        requested: Option<Duration>,
    ) -> Option<UnixMillis> {
        let (next, now) = (failed.next(), self.now());
        self.retry.due_at(next, now, self.jitter(), requested)
    }
}
