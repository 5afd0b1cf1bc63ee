//! How often a delivery is tried, and how long it waits in between.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use super::attempt_number::AttemptNumber;
use super::retry_after::MAX_RETRY_AFTER;
use crate::base::clock::UnixMillis;

/// How often a delivery is tried, and how long it waits before each attempt.
///
/// The first attempt is always due at once; a schedule lists the waits before the second, the
/// third and so on, each counted from the end of the attempt before it. Default:
/// [`banata`](Self::banata).
///
/// **Jitter.** Every wait is lengthened by up to 20 %, never shortened: an endpoint that came back
/// does not meet all its deliveries in the same second, and none comes before its time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RetryPolicy {
    /// Waits before attempts 2, 3, …; the last one stands for all that follow.
    waits: Cow<'static, [Duration]>,
    attempts: AttemptNumber,
}

impl RetryPolicy {
    /// Most attempts that a [custom schedule](Self::schedule) may ask for.
    pub const MAX_ATTEMPTS: usize = 100;

    /// Longest single wait that a [custom schedule](Self::schedule) may ask for: 30 days.
    pub const MAX_WAIT: Duration = Duration::from_hours(30 * 24);

    /// Longest time from a failed attempt to the next one, whatever the policy: 36 days, which are
    /// [`MAX_WAIT`](Self::MAX_WAIT) and the jitter of a fifth. The 24 h that an endpoint can ask for
    /// are less.
    pub const LONGEST_WAIT: Duration = Duration::from_hours(36 * 24);

    /// Banata's schedule: at once, then after 5 min, 30 min, 2 h and 24 h; 5 attempts over
    /// 26 h 35 min.
    #[must_use]
    pub const fn banata() -> Self {
        Self::fixed(&BANATA)
    }

    /// The schedule that the Standard Webhooks specification suggests: at once, then after 5 s,
    /// 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h; 10 attempts over 75 h 35 min 5 s.
    #[must_use]
    pub const fn standard_webhooks() -> Self {
        Self::fixed(&STANDARD_WEBHOOKS)
    }

    /// For a handler in this program, which costs nobody else anything: at once, then after 1 s, 5 s,
    /// 30 s, 2 min, 10 min, 30 min, 1 h, 2 h, 4 h, 8 h and 8 h; 12 attempts over 23 h 42 min 36 s.
    ///
    /// The first ones outlast a restart of the database, the last ones a working day in which
    /// somebody mends the handler.
    #[must_use]
    pub const fn local_handler() -> Self {
        Self::fixed(&LOCAL_HANDLER)
    }

    /// Banata's schedule with another number of attempts: the first `number` of it, and beyond its
    /// end one every 24 h.
    #[must_use]
    pub const fn attempts(number: NonZeroU32) -> Self {
        Self {
            waits: Cow::Borrowed(&BANATA),
            attempts: AttemptNumber::of(number),
        }
    }

    /// A schedule of one's own: `waits` come before the second, the third attempt and so on, so
    /// that there is one attempt more than there are waits. No waits: a single attempt.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::TooManyAttempts`] beyond [`MAX_ATTEMPTS`](Self::MAX_ATTEMPTS), and
    /// [`ScheduleError::WaitTooLong`] for a wait over [`MAX_WAIT`](Self::MAX_WAIT).
    pub fn schedule(waits: impl IntoIterator<Item = Duration>) -> Result<Self, ScheduleError> {
        // One more than is legal suffices to see that there are too many.
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

    /// Returns the wait before attempt `next`, or `None` if there is no such attempt any more.
    ///
    /// `jitter` lies in `0.0..=1.0` (what lies outside is moved to the nearer end, NaN to 0) and
    /// should be drawn uniformly; the wait is the scheduled one times `1 + 0.2 * jitter`. The wait
    /// before the first attempt is zero.
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

    /// Returns when attempt `next` is due if the one before it failed at `now`, or `None` if that
    /// one was the last.
    ///
    /// `retry_after` is what the endpoint asked for ([`parse_retry_after`]); it can put the attempt
    /// off, by 24 h at most, but never bring it forward. The jitter is added to the longer of the
    /// two waits: deliveries that were all told the same time do not come back all at once.
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
        let asked = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        Some(now.saturating_add(lengthen(scheduled.max(asked), jitter)))
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::banata()
    }
}

/// Why a schedule is not usable.
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

const MAX_JITTER: f64 = 0.2;

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

/// Adds jitter to a wait.
pub(crate) fn lengthen(wait: Duration, jitter: f64) -> Duration {
    wait.mul_f64(1.0 + MAX_JITTER * unit(jitter))
}

/// Moves a number into `0.0..=1.0`.
fn unit(jitter: f64) -> f64 {
    if jitter.is_nan() {
        0.0
    } else {
        jitter.clamp(0.0, 1.0)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a schedule has at most 99 waits"
)]
const fn attempts_after(waits: usize) -> AttemptNumber {
    AttemptNumber::of(NonZeroU32::MIN.saturating_add(waits as u32))
}
