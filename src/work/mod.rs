//! What stores of work have in common, whatever the work is.

use std::time::Duration;

mod named;
mod signal;
mod token;

pub(crate) use self::named::named;
pub use self::signal::{WorkListener, WorkSignal};
pub use self::token::LeaseToken;

/// Longest lease that a worker may ask for: 1 h. Leases of deliveries outlast one request, and those
/// of messages are renewed: both need minutes.
///
/// A lease that ends later than this from now was dated by a clock that was ahead.
pub const LONGEST_LEASE: Duration = Duration::from_hours(1);
