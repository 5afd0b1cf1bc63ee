//! Number of attempts, and the waits between them.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use super::attempt_number::AttemptNumber;
use super::backoff::lengthen;
use crate::base::clock::UnixMillis;

/// Number of attempts, and the wait before each.
///
/// The first attempt is always due at once. A schedule lists the waits before the second attempt,
/// the third and so on, each counted from the end of the previous attempt. Default:
/// [`banata`](Self::banata).
///
/// **Jitter.** Jitter lengthens every wait by up to 20 % and never shortens it: an endpoint that
/// recovers does not get all its deliveries in the same second, and none early.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_sync::queue::RetryPolicy;
///
/// let policy = RetryPolicy::schedule([Duration::from_secs(5), Duration::from_secs(60)])?;
/// assert_eq!(policy.max_attempts().get(), 3);
/// # Ok::<(), tower_auth_sync::queue::ScheduleError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RetryPolicy {
    /// Waits before attempts 2, 3, …; the last one repeats.
    waits: Cow<'static, [Duration]>,
    attempts: AttemptNumber,
}

impl RetryPolicy {
    /// Most attempts of a [custom schedule](Self::schedule).
    pub const MAX_ATTEMPTS: usize = 100;

    /// Longest single wait of a [custom schedule](Self::schedule): 30 days.
    pub const MAX_WAIT: Duration = Duration::from_hours(30 * 24);

    /// Longest time from a failed attempt to the next one under any policy: 36 days, which is
    /// [`MAX_WAIT`](Self::MAX_WAIT) plus a fifth of jitter. The 24 h that an endpoint can request
    /// are less.
    pub const LONGEST_WAIT: Duration = Duration::from_hours(36 * 24);

    /// Returns Banata's schedule: at once, then after 5 min, 30 min, 2 h and 24 h; 5 attempts over
    /// 26 h 35 min.
    #[must_use]
    pub const fn banata() -> Self {
        Self::fixed(&BANATA)
    }

    /// Returns the schedule that the Standard Webhooks specification suggests: at once, then after
    /// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h; 10 attempts over 75 h 35 min 5 s.
    #[must_use]
    pub const fn standard_webhooks() -> Self {
        Self::fixed(&STANDARD_WEBHOOKS)
    }

    /// Returns a schedule for a handler in this program, whose retries burden no other service: at
    /// once, then after 1 s, 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 4 h, 8 h and 8 h; 12
    /// attempts over 23 h 42 min 36 s.
    ///
    /// The first attempts outlast a restart of the database, the last ones a working day for a fix
    /// of the handler.
    #[must_use]
    pub const fn local_handler() -> Self {
        Self::fixed(&LOCAL_HANDLER)
    }

    /// Returns Banata's schedule with another number of attempts: its first `number`, and beyond
    /// its end one every 24 h.
    #[must_use]
    pub const fn attempts(number: NonZeroU32) -> Self {
        Self {
            waits: Cow::Borrowed(&BANATA),
            attempts: AttemptNumber::of(number),
        }
    }

    /// Creates a custom schedule: `waits` precede the second attempt, the third and so on, so there
    /// is one attempt more than there are waits. No waits: a single attempt.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::TooManyAttempts`] beyond [`MAX_ATTEMPTS`](Self::MAX_ATTEMPTS), and
    /// [`ScheduleError::WaitTooLong`] for a wait over [`MAX_WAIT`](Self::MAX_WAIT).
    pub fn schedule(waits: impl IntoIterator<Item = Duration>) -> Result<Self, ScheduleError> {
        // One attempt more than allowed suffices to detect too many.
        let waits: Vec<_> = waits.into_iter().take(Self::MAX_ATTEMPTS).collect();
        if waits.len() >= Self::MAX_ATTEMPTS {
            return Err(ScheduleError::TooManyAttempts);
        }
        if let Some(&wait) = waits.iter().find(|wait| **wait > Self::MAX_WAIT) {
            return Err(ScheduleError::WaitTooLong { wait });
        }
        Ok(Self {
            attempts: attempts_after(waits.len()),
            waits: waits.into(),
        })
    }

    const fn fixed(waits: &'static [Duration]) -> Self {
        Self {
            waits: Cow::Borrowed(waits),
            attempts: attempts_after(waits.len()),
        }
    }

    /// Returns the number of the last attempt.
    #[must_use]
    pub const fn max_attempts(&self) -> AttemptNumber {
        self.attempts
    }

    /// Returns the wait before attempt `next`, or `None` after the last attempt.
    ///
    /// `jitter` lies in `0.0..=1.0` (other values are clamped, NaN to 0) and should be drawn
    /// uniformly; the wait is the scheduled one times `1 + 0.2 * jitter`. The wait before the first
    /// attempt is zero.
    #[must_use]
    pub fn wait(&self, next: AttemptNumber, jitter: f64) -> Option<Duration> {
        self.scheduled(next).map(|wait| lengthen(wait, jitter))
    }

    fn scheduled(&self, next: AttemptNumber) -> Option<Duration> {
        if next > self.attempts {
            return None;
        }
        let Some(retry) = (next.get() as usize).checked_sub(2) else {
            return Some(Duration::ZERO);
        };
        self.waits.get(retry).or(self.waits.last()).copied()
    }

    /// Returns the due time of attempt `next` if the previous one failed at `now`, or `None` if
    /// that was the last one.
    ///
    /// `retry_after` is the wait that the endpoint requests ([`parse_retry_after`]). It can delay
    /// the attempt, by at most 24 h, but never advance it. The jitter lengthens the longer of the
    /// two waits: deliveries with the same `Retry-After` do not all return at once.
    ///
    /// [`parse_retry_after`]: super::retry_after::parse_retry_after
    #[must_use]
    pub fn due_at(
        &self,
        next: AttemptNumber,
        now: UnixMillis,
        jitter: f64,
        retry_after: Option<Duration>,
    ) -> Option<UnixMillis> {
        let scheduled = self.scheduled(next)?;
        let requested = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        Some(now.saturating_add(lengthen(scheduled.max(requested), jitter)))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::banata()
    }
}

/// Reason why a schedule is invalid.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// There are too many waits.
    #[error("a retry schedule has at most {} attempts", RetryPolicy::MAX_ATTEMPTS)]
    TooManyAttempts,
    /// One wait is too long.
    #[error("a wait of {} s is longer than the {} s allowed", wait.as_secs(), RetryPolicy::MAX_WAIT.as_secs())]
    WaitTooLong {
        /// The wait.
        wait: Duration,
    },
}

/// Longest delay that an endpoint can request: Banata's longest wait.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);

const LOCAL_HANDLER: [Duration; 11] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(4),
    Duration::from_hours(8),
    Duration::from_hours(8),
];

const BANATA: [Duration; 4] = [
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(24),
];

const STANDARD_WEBHOOKS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

#[expect(
    clippy::cast_possible_truncation,
    reason = "a schedule has at most 99 waits"
)]
const fn attempts_after(waits: usize) -> AttemptNumber {
    AttemptNumber::of(NonZeroU32::MIN.saturating_add(waits as u32))
}
