//! The failures of an endpoint, and the limit after which it is disabled.

use std::time::Duration;

use crate::base::clock::UnixMillis;

/// The failures of an endpoint since its last success.
///
/// ```
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::outbox::Health;
///
/// let now = UnixMillis::from_millis(1_750_000_000_000);
/// let health = Health::GOOD.after_failure(now, None);
/// assert_eq!(health, Health::failing(now, 1));
/// assert!(!health.is_given_up(now));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Health {
    failing_since: Option<UnixMillis>,
    failures: u32,
    not_before: Option<UnixMillis>,
}

impl Health {
    /// No failure since the last success, or since the endpoint was enabled.
    pub const GOOD: Self = Self {
        failing_since: None,
        failures: 0,
        not_before: None,
    };

    /// Makes the health after `failures` failed attempts, the first of them at `since`.
    #[must_use]
    pub const fn failing(since: UnixMillis, failures: u32) -> Self {
        Self {
            failing_since: Some(since),
            failures,
            not_before: None,
        }
    }

    /// Returns this health with the time before which the endpoint wants no request.
    #[must_use]
    pub const fn paused_until(self, not_before: Option<UnixMillis>) -> Self {
        Self { not_before, ..self }
    }

    /// Returns the time before which the endpoint wants no request, from its `Retry-After`; `None`
    /// without one since its last success.
    #[must_use]
    pub const fn not_before(self) -> Option<UnixMillis> {
        self.not_before
    }

    /// Returns the time of the first failure since the last success.
    #[must_use]
    pub const fn failing_since(self) -> Option<UnixMillis> {
        self.failing_since
    }

    /// Returns the number of failed attempts since the last success.
    #[must_use]
    pub const fn failures(self) -> u32 {
        self.failures
    }

    /// Returns the health after one more failed attempt, whose response asked for a pause until
    /// `not_before`; the latest such time counts.
    #[must_use]
    pub fn after_failure(self, now: UnixMillis, not_before: Option<UnixMillis>) -> Self {
        Self {
            failing_since: Some(self.failing_since.unwrap_or(now)),
            failures: self.failures.saturating_add(1),
            not_before: self.not_before.max(not_before),
        }
    }

    /// Returns whether the store disables the endpoint when a delivery runs out of attempts: it has
    /// failed for 5 days, in 5 attempts at least.
    #[must_use]
    pub fn is_given_up(self, now: UnixMillis) -> bool {
        let failing = |since| now.saturating_since(since) >= GIVE_UP_AFTER;
        self.failures >= MIN_FAILURES && self.failing_since.is_some_and(failing)
    }
}

const GIVE_UP_AFTER: Duration = Duration::from_hours(5 * 24);

/// The number of attempts in Banata's schedule.
const MIN_FAILURES: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixMillis = UnixMillis::from_millis(1_000_000);

    #[test]
    fn an_endpoint_is_given_up_after_five_days_and_five_failures() {
        let day = |days: u64| START.saturating_add(Duration::from_hours(24 * days));
        for (failures, days, given_up) in [
            (5, 5, true),
            (4, 5, false),
            (5, 4, false),
            (900, 4, false),
            (900, 60, true),
        ] {
            let health = Health::failing(START, failures);
            assert_eq!(
                health.is_given_up(day(days)),
                given_up,
                "{failures} in {days} days"
            );
        }
        assert!(!Health::GOOD.is_given_up(day(60)));
    }

    #[test]
    fn failing_begins_with_the_first_failure_and_is_counted() {
        let later = START.saturating_add(Duration::from_secs(9));
        let health = Health::GOOD
            .after_failure(START, None)
            .after_failure(later, None);
        assert_eq!(health, Health::failing(START, 2));
    }

    #[test]
    fn an_endpoint_is_paused_until_the_latest_time_it_named() {
        let at = |secs| Some(START.saturating_add(Duration::from_secs(secs)));
        let mut health = Health::GOOD;
        for (named, expected) in [(None, None), (at(9), at(9)), (at(3), at(9)), (None, at(9))] {
            health = health.after_failure(START, named);
            assert_eq!(health.not_before(), expected);
        }
    }
}
