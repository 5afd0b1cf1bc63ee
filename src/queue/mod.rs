//! Leased, retried and settled work: the common part of deliveries and inbox messages.

mod attempt_number;
mod backoff;
mod config_error;
mod due_queue;
mod engine;
mod expiry;
mod lease;
mod notify;
mod record;
mod retention;
mod retry;
#[cfg(feature = "emit")]
mod retry_after;
mod schedule;
mod settings;
mod shutdown;
mod text_enum;
mod token;
mod work_state;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::attempt_number::AttemptNumber;
pub(crate) use self::backoff::Backoff;
#[cfg(feature = "emit")]
pub(crate) use self::backoff::lengthen;
pub use self::config_error::WorkerConfigError;
pub(crate) use self::due_queue::DueQueue;
pub(crate) use self::engine::{AttemptCounts, Engine, Job};
pub(crate) use self::expiry::{Expiry, Life};
pub use self::lease::{Lease, LeaseRequest};
pub use self::notify::{QueueListener, QueueNotify};
pub(crate) use self::record::{MARGIN, record};
pub use self::retry::{RetryPolicy, ScheduleError};
#[cfg(feature = "emit")]
pub(crate) use self::retry_after::parse_http_date;
#[cfg(feature = "emit")]
pub use self::retry_after::parse_retry_after;
pub(crate) use self::settings::{WorkerSettings, worker_setters};
pub(crate) use self::shutdown::AttemptResult;
pub(crate) use self::text_enum::text_enum;
pub use self::token::LeaseToken;
pub(crate) use self::work_state::{Stage, WorkState};

/// Longest lease of a worker: 1 h. Leases of deliveries exceed one request, and workers renew
/// leases of messages: both need minutes.
///
/// A lease that ends later than this from now comes from a clock that was ahead.
pub const LONGEST_LEASE: Duration = Duration::from_hours(1);
