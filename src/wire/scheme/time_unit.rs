//! Units of signed timestamps.

use std::fmt;
use std::time::Duration;

use super::grammar::every;
use crate::base::clock::{UnixMillis, UnixTime};

/// Unit of a scheme's timestamps, which count from 1970.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimeUnit {
    /// Whole seconds. The length of a number never changes its unit: milliseconds read as seconds lie far
    /// in the future.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

impl TimeUnit {
    /// Reads 1 to 15 digits without a leading zero.
    pub(crate) fn parse(self, text: &str) -> Option<UnixMillis> {
        let plain = (1..=MAX_DIGITS).contains(&text.len())
            && every(text, |byte| byte.is_ascii_digit())
            && (text.len() == 1 || !text.starts_with('0'));
        if !plain {
            return None;
        }
        let number = text.parse().ok()?;
        Some(match self {
            Self::Seconds => UnixTime::from_secs(number).to_millis(),
            Self::Milliseconds => UnixMillis::from_millis(number),
        })
    }

    /// Writes the form that [`parse`](Self::parse) reads.
    pub(crate) fn write(self, time: UnixTime) -> String {
        match self {
            Self::Seconds => time.as_secs().to_string(),
            Self::Milliseconds => time.to_millis().as_millis().to_string(),
        }
    }

    /// Rounds down to the unit.
    pub(crate) const fn floor(self, time: UnixMillis) -> UnixMillis {
        match self {
            Self::Seconds => time.to_secs().to_millis(),
            Self::Milliseconds => time,
        }
    }
}

/// Shows a duration in seconds, with milliseconds if it is not whole.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_millis() {
            0 => write!(f, "{}", self.0.as_secs()),
            millis => write!(f, "{}.{millis:03}", self.0.as_secs()),
        }
    }
}

/// Fits in an `i64` in any unit down to microseconds, and covers 30 million years in seconds.
const MAX_DIGITS: usize = 15;
