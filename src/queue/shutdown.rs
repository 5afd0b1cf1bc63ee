//! Ends of attempts, and of the worker.

use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Result of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AttemptResult {
    /// The attempt succeeded.
    Succeeded,
    /// The attempt failed.
    Failed,
    /// The outcome could not be recorded.
    Unrecorded,
}

/// Waits until `limit` after `stop` was cancelled.
pub(crate) async fn overdue(stop: &CancellationToken, limit: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(limit).await;
}

/// Waits for the attempts until `limit` is reached, and drops the others.
pub(crate) async fn drain(mut running: JoinSet<AttemptResult>, limit: impl Future<Output = ()>) {
    let drained = async {
        while let Some(ended) = running.join_next().await {
            finished(ended);
        }
    };
    tokio::select! {
        biased;
        () = drained => return,
        () = limit => {}
    }
    let left = running.len();
    tracing::warn!(left, "the drain limit is reached; leases will lapse");
}

/// Returns the result of an ended attempt. An attempt that panicked has recorded nothing: its lease
/// lapses.
pub(crate) fn finished(ended: Result<AttemptResult, JoinError>) -> AttemptResult {
    ended.unwrap_or_else(|error| {
        if error.is_panic() {
            tracing::error!("an attempt panicked; its lease will lapse");
        }
        AttemptResult::Unrecorded
    })
}
