//! Records the outcome of an attempt.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::backoff::Backoff;
use crate::base::error::StoreError;

/// Records an outcome with `settle`, and retries for up to `limit` while the store is unreachable:
/// otherwise the work runs again. Returns `None` if the outcome was not recorded.
pub(crate) async fn record<T, F>(limit: Duration, mut settle: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let begun = Instant::now();
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let error = match settle().await {
            Ok(settled) => return Some(settled),
            Err(error) => error,
        };
        if error.is_lease_lost() {
            tracing::warn!("another worker has taken over; the outcome is discarded");
            return None;
        }
        let pause = backoff.fail();
        if !error.is_unavailable() || begun.elapsed().saturating_add(pause) > limit {
            let cause = &error as &(dyn Error + 'static);
            tracing::error!(error = cause, "the outcome could not be recorded");
            return None;
        }
        sleep(pause).await;
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Time that a lease needs besides the attempt: the tries to record the outcome.
pub(crate) const MARGIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_outcome_is_recorded_as_soon_as_the_store_is_back_within_the_limit() {
        async fn after(outage: u64) -> Option<u64> {
            let begun = Instant::now();
            let settle = || async move {
                let at = begun.elapsed().as_secs();
                let back = at >= outage;
                back.then_some(at)
                    .ok_or_else(|| StoreError::unavailable("away"))
            };
            record(Duration::from_mins(1), settle).await
        }
        assert_eq!(after(0).await, Some(0));
        assert!(after(50).await.is_some_and(|at| (50..=52).contains(&at)));
        assert_eq!(after(61).await, None);
    }
}
