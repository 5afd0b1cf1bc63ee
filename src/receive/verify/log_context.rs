//! What the log shows about a request.

use std::sync::Arc;

use tracing::Span;

use super::rejection::WebhookRejection;
use crate::wire::problem::ProblemKind;
use crate::wire::signature::VerifyError;

/// Fields that the log may show. Of the content of a request it shows only an id under a valid
/// signature.
#[derive(Default)]
pub(super) struct LogContext {
    pub(super) scheme: Option<&'static str>,
    pub(super) tenant: Option<Arc<str>>,
    pub(super) id: Option<Box<str>>,
}

impl LogContext {
    pub(super) fn record(&self, span: &Span) {
        let fields = [
            ("scheme", self.scheme),
            ("tenant", self.tenant.as_deref()),
            ("id", self.id.as_deref()),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                span.record(name, value);
            }
        }
    }
}

/// Logs a request that does not reach the inner service.
pub(super) fn log_refusal(reason: &WebhookRejection, context: &LogContext, span: &Span) {
    let (scheme, tenant, id) = (
        context.scheme,
        context.tenant.as_deref(),
        context.id.as_deref(),
    );
    let problem = reason.kind().map(ProblemKind::slug);
    span.record("outcome", problem.unwrap_or("duplicate"));
    match reason {
        WebhookRejection::Signature(VerifyError::ClockNotSet)
        | WebhookRejection::KeysUnavailable
        | WebhookRejection::StoreFailed => {
            tracing::error!(scheme, tenant, problem, id, %reason, "webhook refused");
        }
        WebhookRejection::Duplicate | WebhookRejection::InFlight { .. } => {
            tracing::info!(scheme, tenant, problem, id, %reason, "webhook not handled twice");
        }
        _ => tracing::info!(scheme, tenant, problem, id, %reason, "webhook refused"),
    }
}
