//! A manual clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::clock::{Clock, UnixMillis};

/// A clock that moves only by its setters. Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use tower_auth_sync::clock::{Clock, UnixTime};
/// use tower_auth_sync::testing::ManualClock;
///
/// let clock = ManualClock::at(UnixTime::from_secs(1_750_000_000));
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().to_secs().as_secs(), 1_750_000_060);
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Creates a clock that shows `now`.
    #[must_use]
    pub fn at(now: impl Into<UnixMillis>) -> Self {
        Self(Arc::new(AtomicU64::new(now.into().as_millis())))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(by));
    }

    /// Sets the clock, also to an earlier time.
    pub fn set(&self, now: impl Into<UnixMillis>) {
        self.0.store(now.into().as_millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis::from_millis(self.0.load(Ordering::SeqCst))
    }
}
