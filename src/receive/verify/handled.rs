//! One request as operators see it: its span, and how it ended.

use tracing::Span;
use tracing::field::Empty;

use super::keys::RequestKeys;
use super::meters::{HandlerOutcome, Timer, WebhookMeters};

/// An accepted request until its handler ends. Dropped before that, the handler was cancelled.
pub(super) struct HandlerGuard {
    meters: WebhookMeters,
    timer: Timer,
    span: Span,
    is_over: bool,
}

impl HandlerGuard {
    pub(super) fn begin(meters: &WebhookMeters, timer: Timer, span: Span) -> Self {
        meters.accepted();
        Self {
            meters: meters.clone(),
            timer,
            span,
            is_over: false,
        }
    }

    pub(super) fn end(mut self, succeeded: bool) {
        self.is_over = true;
        self.tell(if succeeded {
            HandlerOutcome::Success
        } else {
            HandlerOutcome::Failure
        });
    }

    fn tell(&self, outcome: HandlerOutcome) {
        self.span.record("outcome", outcome.name());
        self.meters.handled(outcome, self.timer);
    }
}

impl Drop for HandlerGuard {
    fn drop(&mut self) {
        if !self.is_over {
            self.tell(HandlerOutcome::Cancelled);
        }
    }
}

/// Makes the span of a request to the receiver named `source`; the rest is filled in as it becomes
/// known, the id not before the signature was found right.
pub(super) fn span(source: &str) -> Span {
    tracing::info_span!(
        "webhook",
        source,
        scheme = Empty,
        tenant = Empty,
        id = Empty,
        outcome = Empty
    )
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
