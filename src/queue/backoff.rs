//! Waits after failures, and their jitter.

use std::time::Duration;

/// The waits after failures in a row: each twice as long as the one before.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            next: first,
            longest,
        }
    }

    /// Returns the wait after one more failure, without jitter.
    pub(crate) fn fail(&mut self) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.longest);
        wait
    }
}

/// Never ends: take as many waits as there are retries.
impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.fail())
    }
}

/// Adds jitter to a wait: up to a fifth. `jitter` is clamped to `0.0..=1.0`, NaN to 0.
pub(crate) fn lengthen(wait: Duration, jitter: f64) -> Duration {
    // `clamp` returns NaN for NaN; `max` then returns the number.
    let jitter = jitter.clamp(0.0, 1.0).max(0.0);
    wait.mul_f64(1.0 + MAX_JITTER * jitter)
}

const MAX_JITTER: f64 = 0.2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        let waits: Vec<_> = backoff.take(8).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    }
}
