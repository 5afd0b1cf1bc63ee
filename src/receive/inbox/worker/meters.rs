//! Metrics, for any recorder of the crate `metrics`; nothing without a recorder.

use std::time::Duration;

use crate::metrics::{Counter, Histogram, INBOX_RUN_DURATION, INBOX_RUNS};
use crate::receive::inbox::message::InboxOutcome;

/// Instruments of one worker.
#[derive(Debug)]
pub(crate) struct InboxMeters {
    done: Counter,
    retry: Counter,
    failed: Counter,
    lost: Counter,
    duration: Histogram,
}

impl InboxMeters {
    /// Creates the instruments of a worker for `source`.
    pub(crate) fn new(source: &str) -> Self {
        let runs = |outcome| Counter::new(&INBOX_RUNS, &[("source", source), ("outcome", outcome)]);
        Self {
            done: runs("done"),
            retry: runs("retry"),
            failed: runs("failed"),
            lost: runs("lost"),
            duration: Histogram::new(&INBOX_RUN_DURATION, &[("source", source)]),
        }
    }

    /// Records the end of a run; `None` if another worker has the message.
    pub(crate) fn record(&self, outcome: Option<InboxOutcome>, duration: Duration) {
        let counter = match outcome {
            Some(InboxOutcome::Done) => &self.done,
            Some(InboxOutcome::Retry { .. }) => &self.retry,
            Some(InboxOutcome::Failed { .. }) => &self.failed,
            None => &self.lost,
        };
        counter.add_one();
        self.duration.record(duration.as_secs_f64());
    }
}
