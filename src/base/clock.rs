//! Wall-clock time as a port, so that tests control the time.
//!
//! This module is the only place that reads the operating system's clock.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Source of wall-clock time. Need not be monotonic.
///
/// ```
/// use tower_auth_sync::clock::{Clock, UnixMillis, UnixTime};
///
/// /// A clock that always shows the same time.
/// #[derive(Debug)]
/// struct Fixed;
///
/// impl Clock for Fixed {
///     fn now(&self) -> UnixMillis {
///         UnixTime::from_secs(1_750_000_000).to_millis()
///     }
/// }
///
/// assert_eq!(Fixed.now().to_secs().as_secs(), 1_750_000_000);
/// ```
pub trait Clock: Debug + Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> UnixMillis;
}

/// The operating system's clock.
///
/// ```
/// use tower_auth_sync::clock::{Clock, SystemClock, UnixMillis};
///
/// assert!(SystemClock.now() > UnixMillis::EPOCH);
/// ```
#[expect(clippy::exhaustive_structs, reason = "users write its name")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        // A clock set before 1970 reads as 0; every signature is then out of tolerance: fails closed.
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        UnixMillis::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Whole milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// ```
/// use tower_auth_sync::clock::UnixMillis;
///
/// assert_eq!(UnixMillis::from_millis(1_750_000_000_999).to_secs().as_secs(), 1_750_000_000);
/// ```
#[derive(
    Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// 1970-01-01T00:00:00Z: the reading of a clock that was never set.
    pub const EPOCH: Self = Self(0);

    /// Creates a time from milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the time in whole seconds; the fraction is cut off.
    #[must_use]
    pub const fn to_secs(self) -> UnixTime {
        UnixTime(self.0 / 1000)
    }

    /// Returns this time plus `duration`, or the latest representable time.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// Returns this time less `duration`, or the epoch.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// Returns the time since `earlier`; zero if this time is not later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Whole seconds since 1970-01-01T00:00:00Z: a JWT's `NumericDate`, a webhook's timestamp.
///
/// ```
/// use tower_auth_sync::clock::UnixTime;
///
/// assert_eq!(UnixTime::from_secs(1_750_000_000).to_millis().as_millis(), 1_750_000_000_000);
/// ```
#[derive(
    Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixTime(u64);

impl UnixTime {
    /// Creates a time from seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    /// Returns the seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// Returns the same time in milliseconds, or the latest representable time.
    #[must_use]
    pub const fn to_millis(self) -> UnixMillis {
        UnixMillis(self.0.saturating_mul(1000))
    }
}

impl From<UnixTime> for UnixMillis {
    fn from(time: UnixTime) -> Self {
        time.to_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_stops_at_both_ends_of_time() {
        let late = UnixMillis::from_millis(u64::MAX);
        assert_eq!(late.saturating_add(Duration::MAX), late);
        assert_eq!(
            UnixMillis::EPOCH.saturating_sub(Duration::MAX),
            UnixMillis::EPOCH
        );
        assert_eq!(UnixMillis::EPOCH.saturating_since(late), Duration::ZERO);
        assert_eq!(UnixTime::from_secs(u64::MAX).to_millis(), late);
    }

    #[test]
    fn seconds_cut_the_fraction_off() {
        assert_eq!(
            UnixMillis::from_millis(1_999).to_secs(),
            UnixTime::from_secs(1)
        );
    }
}
