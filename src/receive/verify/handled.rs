//! Observes one request: its span and its outcome.

use tracing::Span;
use tracing::field::Empty;

use super::keys::RequestKeys;
use super::meters::{HandlerOutcome, Timer, WebhookMeters};

/// Records the outcome of an accepted request. Dropped early, it records that the handler was
/// cancelled.
pub(super) struct HandlerGuard {
    meters: WebhookMeters,
    timer: Timer,
    span: Span,
    is_finished: bool,
}

impl HandlerGuard {
    pub(super) fn begin(meters: &WebhookMeters, timer: Timer, span: Span) -> Self {
        meters.accepted();
        Self {
            meters: meters.clone(),
            timer,
            span,
            is_finished: false,
        }
    }

    pub(super) fn end(mut self, succeeded: bool) {
        self.is_finished = true;
        self.record(if succeeded {
            HandlerOutcome::Success
        } else {
            HandlerOutcome::Failure
        });
    }

    fn record(&self, outcome: HandlerOutcome) {
        self.span.record("outcome", outcome.name());
        self.meters.handled(outcome, self.timer);
    }
}

impl Drop for HandlerGuard {
    fn drop(&mut self) {
        if !self.is_finished {
            self.record(HandlerOutcome::Cancelled);
        }
    }
}

/// Creates the span of a request to `source`. The layer fills the other fields as it learns them,
/// and the id only after the signature is valid. Filling a disabled span would look up its fields.
pub(super) fn span(source: &str) -> Span {
    let span = tracing::info_span!(
        "webhook",
        source,
        scheme = Empty,
        tenant = Empty,
        id = Empty,
        outcome = Empty
    );
    if span.is_disabled() {
        return Span::none();
    }
    span
}

/// Logs an unsigned id that arrives with a second body.
pub(super) fn warn_of_reuse(keys: &RequestKeys, id: Option<&str>) {
    let scheme = keys.verifier.scheme().name();
    let tenant = keys.tenant.as_deref();
    tracing::warn!(
        scheme,
        tenant,
        id,
        "an unsigned id came with another body than before"
    );
}
