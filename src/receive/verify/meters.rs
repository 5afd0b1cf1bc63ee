//! Metrics, for any recorder of the crate `metrics`; nothing without a recorder.

use std::sync::Arc;

use super::rejection::WebhookRejection;
use crate::base::clock::UnixMillis;
use crate::metrics::{
    ACCEPTED, AGE, Counter, DUPLICATES, DURATION, Gauge, HANDLED, Histogram, LAST_VERIFIED, Metric,
    REFUSED, STORE_ERRORS,
};
use crate::wire::signature::SignatureMatch;

pub(crate) use crate::metrics::Timer;

/// Instruments of one source. Copies are cheap and count together.
#[derive(Clone, Debug)]
pub(crate) struct WebhookMeters(Arc<Instruments>);

#[derive(Debug)]
struct Instruments {
    source: Box<str>,
    accepted: Counter,
    last_verified: Gauge,
    age: Histogram,
    duration: Histogram,
    in_flight: Counter,
    done: Counter,
    success: Counter,
    failure: Counter,
    cancelled: Counter,
}

impl WebhookMeters {
    /// Creates the instruments of `source`.
    pub(crate) fn new(source: &str) -> Self {
        let own = &[("source", source)];
        let duplicate = |kind| Counter::new(&DUPLICATES, &[("source", source), ("kind", kind)]);
        let handled = |outcome: HandlerOutcome| {
            Counter::new(&HANDLED, &[("source", source), ("outcome", outcome.name())])
        };
        Self(Arc::new(Instruments {
            source: source.into(),
            accepted: Counter::new(&ACCEPTED, own),
            last_verified: Gauge::new(&LAST_VERIFIED, own),
            age: Histogram::new(&AGE, own),
            duration: Histogram::new(&DURATION, own),
            in_flight: duplicate("in_flight"),
            done: duplicate("done"),
            success: handled(HandlerOutcome::Success),
            failure: handled(HandlerOutcome::Failure),
            cancelled: handled(HandlerOutcome::Cancelled),
        }))
    }

    /// Records a valid signature of a request whose headers were checked `at` this time.
    pub(crate) fn verified(&self, verified: SignatureMatch, at: UnixMillis) {
        self.0.last_verified.set(seconds(at.as_millis()));
        if let Some(sent_at) = verified.sent_at() {
            let age = at.saturating_since(sent_at);
            self.0.age.record(age.as_secs_f64());
        }
    }

    /// Records an accepted message.
    pub(crate) fn accepted(&self) {
        self.0.accepted.add_one();
    }

    /// Records a request that does not reach the handler.
    pub(crate) fn refused(&self, reason: &WebhookRejection) {
        match reason {
            WebhookRejection::InFlight { .. } => self.0.in_flight.add_one(),
            WebhookRejection::Duplicate => self.0.done.add_one(),
            _ => {
                let slug = reason.kind().map_or("none", |kind| kind.slug());
                self.labelled(&REFUSED, "reason", slug).add_one();
            }
        }
    }

    /// Records a failure of the store.
    pub(crate) fn store_failed(&self, operation: Operation) {
        let operation = match operation {
            Operation::Claim => "claim",
            Operation::Renew => "renew",
            Operation::Commit => "commit",
            Operation::Release => "release",
        };
        self.labelled(&STORE_ERRORS, "operation", operation)
            .add_one();
    }

    /// Records the outcome of the handler.
    pub(crate) fn handled(&self, outcome: HandlerOutcome, timer: Timer) {
        match outcome {
            HandlerOutcome::Success => self.0.success.add_one(),
            HandlerOutcome::Failure => self.0.failure.add_one(),
            HandlerOutcome::Cancelled => self.0.cancelled.add_one(),
        }
        self.0.duration.record(timer.seconds());
    }

    fn labelled(&self, metric: &Metric, name: &'static str, value: &str) -> Counter {
        Counter::new(metric, &[("source", &self.0.source), (name, value)])
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact until the year 287396")]
const fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

/// Outcome of a handler.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum HandlerOutcome {
    Success,
    Failure,
    /// The response future was dropped: a panic, or a client that disconnected.
    Cancelled,
}

impl HandlerOutcome {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Operation of the dedupe store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Claim,
    Renew,
    Commit,
    Release,
}
