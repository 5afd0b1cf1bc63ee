//! Errors of worker settings.

use std::time::Duration;

use crate::base::error::BoxError;

/// Reason why worker settings are invalid.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum WorkerConfigError {
    /// The lease could end while its attempt runs, or before it is renewed.
    #[error("the lease of {lease:?} is too short: it must be {least:?} or more")]
    LeaseTooShort {
        /// The lease.
        lease: Duration,
        /// The shortest lease: of deliveries the timeout and 10 s, of stored messages 10 s.
        least: Duration,
    },
    /// The lease exceeds the longest lease.
    #[error("the lease of {lease:?} is too long: it must be {most:?} or less")]
    LeaseTooLong {
        /// The lease.
        lease: Duration,
        /// The longest lease: [`LONGEST_LEASE`](super::LONGEST_LEASE).
        most: Duration,
    },
    /// Every attempt would fail.
    #[error("the timeout of an attempt is zero")]
    ZeroTimeout,
    /// The worker would poll the store without a pause.
    #[error("the pause between two polls of the store is zero")]
    ZeroPoll,
    /// The extra root certificates cannot be used.
    #[error("the extra root certificates cannot be used")]
    ExtraRoots(#[source] BoxError),
}
