//! The number of an attempt.

use std::fmt;
use std::num::NonZeroU32;

/// Number of an attempt, counted from 1.
///
/// ```
/// use tower_auth_sync::queue::AttemptNumber;
///
/// assert_eq!(AttemptNumber::FIRST.next().get(), 2);
/// assert_eq!(AttemptNumber::new(0), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AttemptNumber(NonZeroU32);

impl AttemptNumber {
    /// The first attempt.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// Creates a number; `None` for 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    pub(super) const fn of(number: NonZeroU32) -> Self {
        Self(number)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// Returns the number of the next attempt.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<NonZeroU32> for AttemptNumber {
    fn from(number: NonZeroU32) -> Self {
        Self::of(number)
    }
}
