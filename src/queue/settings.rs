//! Settings of every worker.

use std::num::NonZeroU16;
use std::time::Duration;

use super::LONGEST_LEASE;
use super::config_error::WorkerConfigError;
use super::retry::RetryPolicy;
use super::schedule::Schedule;

/// Settings of a worker.
#[derive(Clone, Debug)]
pub(crate) struct WorkerSettings {
    pub(crate) schedule: Schedule,
    pub(crate) concurrency: NonZeroU16,
    /// Of one attempt.
    pub(crate) timeout: Duration,
    pub(crate) lease: Duration,
    pub(crate) poll: Duration,
    pub(crate) drain: Duration,
    pub(crate) retention: Duration,
}

impl WorkerSettings {
    /// Creates the default settings, with what depends on the work.
    pub(crate) fn new(retry: RetryPolicy, timeout: Duration) -> Self {
        Self {
            schedule: Schedule::new(retry),
            concurrency: CONCURRENCY,
            timeout,
            lease: Duration::from_mins(1),
            poll: Duration::from_secs(1),
            drain: Duration::from_secs(20),
            retention: Duration::from_hours(30 * 24),
        }
    }

    /// Refuses settings under which no worker could run, would poll without a pause, or would lose
    /// leases of its own.
    pub(crate) fn check(&self, least_lease: Duration) -> Result<(), WorkerConfigError> {
        if self.timeout.is_zero() {
            return Err(WorkerConfigError::ZeroTimeout);
        }
        if self.poll.is_zero() {
            return Err(WorkerConfigError::ZeroPoll);
        }
        let lease = self.lease;
        if lease > LONGEST_LEASE {
            return Err(WorkerConfigError::LeaseTooLong {
                lease,
                most: LONGEST_LEASE,
            });
        }
        if lease < least_lease {
            return Err(WorkerConfigError::LeaseTooShort {
                lease,
                least: least_lease,
            });
        }
        Ok(())
    }
}

const CONCURRENCY: NonZeroU16 = NonZeroU16::new(16).unwrap();

/// Defines the setters of every worker's builder, which has a field `settings`.
macro_rules! worker_setters {
    ($builder:ident) => {
        impl $builder {
            /// Sets the clock, which decides what is due. Default: the system's.
            ///
            /// Timeouts, pauses and the drain limit run on tokio's timer.
            pub fn clock(mut self, clock: impl crate::base::clock::Clock) -> Self {
                self.settings.schedule.clock = std::sync::Arc::new(clock);
                self
            }

            /// Sets the entropy of the jitter of retries. Default: the system's generator.
            pub fn entropy(mut self, entropy: impl crate::base::entropy::Entropy) -> Self {
                self.settings.schedule.entropy = std::sync::Arc::new(entropy);
                self
            }

            /// Sets the number of concurrent attempts of this worker. Default: 16.
            pub fn concurrency(mut self, attempts: std::num::NonZeroU16) -> Self {
                self.settings.concurrency = attempts;
                self
            }

            /// Sets the longest pause between two polls of the store. Default: 1 s. Must not be
            /// zero.
            ///
            /// Only work that another process stored, or the caller's own transaction, waits that
            /// long: the store notifies the worker of all other work, and the worker knows when a
            /// retry is due.
            pub fn poll(mut self, pause: std::time::Duration) -> Self {
                self.settings.poll = pause;
                self
            }

            /// Sets how long running attempts may go on after a stop. Default: 20 s.
            ///
            /// Below the [timeout](Self::timeout), a stop may cut attempts off; another worker
            /// repeats them after their lease lapses.
            pub fn drain(mut self, limit: std::time::Duration) -> Self {
                self.settings.drain = limit;
                self
            }
        }
    };
}

pub(crate) use worker_setters;
