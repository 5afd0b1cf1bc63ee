//! Recording how an attempt went.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use crate::store_error::StoreError;

/// Records an outcome by `settle`; while the store cannot be reached, again and again for a few
/// seconds, since otherwise the work is done once more. Returns `None` if it was not recorded.
pub(super) async fn record<T, F>(mut settle: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pauses = PAUSES.into_iter();
    loop {
        let error = match settle().await {
            Ok(settled) => return Some(settled),
            Err(error) => error,
        };
        if error.is_lease_lost() {
            tracing::warn!("another worker has taken over; the outcome is discarded");
            return None;
        }
        match pauses.next() {
            Some(pause) if error.is_unavailable() => tokio::time::sleep(pause).await,
            _ => {
                let cause = &error as &(dyn Error + 'static);
                tracing::error!(error = cause, "the outcome could not be recorded");
                return None;
            }
        }
    }
}

/// Together less than [`MARGIN`].
const PAUSES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// What a lease has to allow for beside the attempt: the tries to record the outcome.
pub(super) const MARGIN: Duration = Duration::from_secs(10);
