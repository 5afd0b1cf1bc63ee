//! The end: of one attempt, and of all of them.

use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Result of an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AttemptResult {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
    /// Its outcome could not be recorded.
    Unrecorded,
}

/// Waits until `stop` was cancelled `limit` ago.
pub(crate) async fn overdue(stop: &CancellationToken, limit: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(limit).await;
}

/// Waits for the attempts until `limit` is reached; drops those that are left.
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

/// Takes note of an attempt's end. One that panicked has recorded nothing: its lease lapses.
pub(crate) fn finished(ended: Result<AttemptResult, JoinError>) -> AttemptResult {
    ended.unwrap_or_else(|error| {
        if error.is_panic() {
            tracing::error!("an attempt panicked; its lease will lapse");
        }
        AttemptResult::Unrecorded
    })
}
