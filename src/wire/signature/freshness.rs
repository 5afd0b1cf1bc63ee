//! Freshness of a signed time.

use std::time::Duration;

use super::verify_error::VerifyError;
use crate::base::clock::UnixMillis;
use crate::wire::scheme::TimeUnit;

/// Checks a signed time against the clock, to the precision of the scheme's unit.
pub(crate) fn check_age(
    unit: TimeUnit,
    tolerance: Duration,
    sent_at: UnixMillis,
    now: UnixMillis,
) -> Result<(), VerifyError> {
    let now = unit.floor(now);
    let age = now.saturating_since(sent_at);
    let lead = sent_at.saturating_since(now);
    if age > tolerance {
        Err(VerifyError::TooOld { age })
    } else if lead > tolerance {
        Err(VerifyError::TooNew { lead })
    } else {
        Ok(())
    }
}
