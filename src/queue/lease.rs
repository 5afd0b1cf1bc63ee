//! Leases of work.

use std::num::NonZeroU16;

use super::attempt_number::AttemptNumber;
use super::token::LeaseToken;
use crate::base::clock::UnixMillis;

/// Request of a worker for leases.
///
/// ```
/// use std::num::NonZeroU16;
/// use std::time::Duration;
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::queue::{LeaseRequest, RetryPolicy};
///
/// let now = UnixMillis::from_millis(1_750_000_000_000);
/// let until = now.saturating_add(Duration::from_secs(60));
/// let attempts = RetryPolicy::banata().max_attempts();
/// let request = LeaseRequest::new(NonZeroU16::MIN, attempts, now, until);
/// assert_eq!(request.max.get(), 1);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct LeaseRequest {
    /// Most units of work to lease.
    pub max: NonZeroU16,
    /// The last attempt. Work whose lease lapsed in this attempt or a later one has failed: work
    /// that kills workers does so a limited number of times.
    pub max_attempts: AttemptNumber,
    /// Current time.
    pub now: UnixMillis,
    /// Time at which the leases lapse.
    pub until: UnixMillis,
}

impl LeaseRequest {
    /// Creates a request for up to `max` units of work that are due at `now`, for leases until
    /// `until`.
    #[must_use]
    pub const fn new(
        max: NonZeroU16,
        max_attempts: AttemptNumber,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Self {
        Self {
            max,
            max_attempts,
            now,
            until,
        }
    }
}

/// Lease of one unit of work, until it is settled, released or lapses.
///
/// A lapsed lease may still be settled until the work is leased again.
///
/// ```
/// use tower_auth_sync::queue::{AttemptNumber, Lease, LeaseToken};
///
/// let lease = Lease::new("job_1", LeaseToken::new(1), AttemptNumber::FIRST, "work");
/// assert_eq!(lease.token.get(), 1);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Lease<Id, W> {
    /// Id of the work.
    pub id: Id,
    /// Fences the lease: the store accepts the newest token only.
    pub token: LeaseToken,
    /// Number of this attempt. It counts from now on, with any outcome.
    pub attempt: AttemptNumber,
    /// The work.
    pub work: W,
}

impl<Id, W> Lease<Id, W> {
    /// Creates the lease that a store hands out.
    #[must_use]
    pub const fn new(id: Id, token: LeaseToken, attempt: AttemptNumber, work: W) -> Self {
        Self {
            id,
            token,
            attempt,
            work,
        }
    }
}
