//! When the next attempt is due: schedules, jitter and `Retry-After`. Pure functions.

mod http_date;
mod policy;
mod retry_after;

#[cfg(feature = "emit")]
pub(crate) use self::http_date::parse as parse_http_date;
pub use self::policy::{AttemptNumber, RetryPolicy, ScheduleError};
pub use self::retry_after::parse_retry_after;
