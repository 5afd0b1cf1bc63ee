//! The decision about a request.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use http_body::Body;
use http_body_util::Full;
use tracing::Span;

use super::claim::{ClaimResult, MessageClaim};
use super::doctor::Doctor;
use super::handled::{self, HandlerGuard};
use super::identity::{id_in_body, identity, is_vouched_for, replay_window};
use super::inbox_sink::{InboxSink, Stored};
use super::keys::{LayerKeys, RequestKeys};
use super::log_context::{LogContext, log_refusal};
use super::meters::{Operation, Timer, WebhookMeters};
use super::reading::{check_head, read, read_unchecked};
use super::rejection::WebhookRejection;
use crate::base::error::{BoxError, StoreError, StoreFailurePolicy};
use crate::http::body::BodyLimits;
use crate::receive::dedupe::{Dedupe, Message};
use crate::wire::event::{VerifiedWebhook, WebhookHead};
use crate::wire::signature::SignatureMatch;

const DEFAULT_BODY_LIMIT: usize = 1024 * 1024;
const DEFAULT_BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of a layer, and the checks in their order.
#[derive(Clone, Debug)]
pub(super) struct WebhookGate {
    pub(super) keys: LayerKeys,
    pub(super) inbox: InboxSink,
    pub(super) dedupe: Option<Dedupe>,
    pub(super) store_failure_policy: StoreFailurePolicy,
    pub(super) require_signed_id: bool,
    pub(super) limits: BodyLimits,
    pub(super) doctor: Option<Doctor>,
    meters: WebhookMeters,
}

/// Result for a request that is not refused.
#[allow(
    clippy::large_enum_variant,
    reason = "without an inbox every request is handed on"
)]
pub(super) enum Decision {
    /// The inner service handles the request under the claim. The guard records the outcome.
    HandOn {
        request: Request<Full<Bytes>>,
        claim: Option<MessageClaim>,
        handled: HandlerGuard,
    },
    /// The inbox has the message.
    Stored(Stored),
}

/// Where an accepted message is remembered.
enum AcceptedMessage {
    Claimed(Option<MessageClaim>),
    Stored(Stored),
}

impl WebhookGate {
    pub(super) fn new(keys: LayerKeys) -> Self {
        let dedupe = Dedupe::in_memory();
        Self {
            keys,
            inbox: InboxSink::none(),
            meters: WebhookMeters::new(dedupe.source()),
            dedupe: Some(dedupe),
            store_failure_policy: StoreFailurePolicy::default(),
            require_signed_id: false,
            limits: BodyLimits {
                limit: DEFAULT_BODY_LIMIT,
                timeout: DEFAULT_BODY_TIMEOUT,
            },
            doctor: None,
        }
    }

    /// Sets the dedupe store; `None` for none.
    pub(super) fn remember_in(&mut self, dedupe: Option<Dedupe>) {
        self.dedupe = dedupe;
        self.rename_source();
    }

    /// Updates the metrics. Call after changing the source name.
    pub(super) fn rename_source(&mut self) {
        self.meters = WebhookMeters::new(self.source());
    }

    /// Returns the source name.
    fn source(&self) -> &str {
        let dedupe = || self.dedupe.as_ref().map(Dedupe::source);
        self.inbox.source().or_else(dedupe).unwrap_or("none")
    }

    /// Creates the span of a request.
    pub(super) fn span(&self) -> Span {
        handled::span(self.source())
    }

    /// Not an `async fn`: that keeps each argument twice, and every request boxes this future.
    pub(super) fn decide<B>(
        self: Arc<Self>,
        request: Request<B>,
        span: Span,
    ) -> impl Future<Output = Result<Decision, WebhookRejection>>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let timer = Timer::start();
        let (mut parts, body) = request.into_parts();
        async move {
            let mut context = LogContext {
                scheme: self.keys.scheme(),
                ..LogContext::default()
            };
            // Boxed apart: glibc reuses blocks of up to 1032 bytes at once, and both together are longer.
            let checked = Box::pin(self.check(&parts, body, &mut context)).await;
            context.record(&span);
            let (webhook, accepted) = checked.inspect_err(|reason| {
                self.meters.refused(reason);
                log_refusal(reason, &context, &span);
            })?;
            if let Some(id) = webhook.id() {
                span.record("id", id);
            }
            let claim = match accepted {
                AcceptedMessage::Claimed(claim) => claim,
                AcceptedMessage::Stored(stored) => {
                    self.meters.accepted();
                    span.record("outcome", "stored");
                    return Ok(Decision::Stored(stored));
                }
            };
            let handled = HandlerGuard::begin(&self.meters, timer, span);
            let body = Full::new(webhook.body().clone());
            parts.extensions.insert(webhook);
            let request = Request::from_parts(parts, body);
            Ok(Decision::HandOn {
                request,
                claim,
                handled,
            })
        }
    }

    async fn check<B>(
        &self,
        parts: &Parts,
        body: B,
        context: &mut LogContext,
    ) -> Result<(VerifiedWebhook, AcceptedMessage), WebhookRejection>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        check_head(parts, body.size_hint().lower(), self.limits.limit)?;
        let keys = self.keys.of(parts).await?;
        let scheme = keys.verifier.scheme();
        context.scheme = Some(scheme.name());
        context.tenant.clone_from(&keys.tenant);
        let (header_id, verified, body) = self.verify(&keys, parts, body).await?;

        let in_body = id_in_body(scheme, &body);
        let identity = identity(scheme, header_id, in_body.as_deref(), &body);
        if self.require_signed_id && !is_vouched_for(identity, header_id) {
            context.id = header_id.map(Into::into);
            return Err(WebhookRejection::IdMismatch);
        }
        let message = Message {
            tenant: keys.tenant.as_deref(),
            identity,
            sent_at: verified.sent_at(),
            replayable: replay_window(keys.verifier.tolerance(), self.limits.timeout),
        };
        let webhook = VerifiedWebhook::new(
            WebhookHead {
                id: identity.id().map(Into::into),
                id_is_authentic: identity.is_authentic(),
                sent_at: verified.sent_at(),
                scheme: scheme.name().into(),
                key_index: verified.key_index(),
                tenant: keys.tenant.clone(),
            },
            body.clone(),
        );
        let accepted = self.accept(&keys, parts, &message, &webhook).await;
        let accepted = accepted.inspect_err(|_| context.id = identity.id().map(Into::into))?;
        Ok((webhook, accepted))
    }

    /// Checks points 5 to 8 of the order of checks. Returns the id of the header too.
    async fn verify<'h, B>(
        &self,
        keys: &RequestKeys,
        parts: &'h Parts,
        body: B,
    ) -> Result<(Option<&'h str>, SignatureMatch, Bytes), WebhookRejection>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let doctor = || {
            let doctor = self.doctor.as_ref();
            doctor.filter(|doctor| doctor.take_turn(keys.verifier.now()))
        };
        let checked = keys.verifier.check_headers(&parts.headers);
        let signed = match &checked {
            Ok(signed) => signed,
            Err(err) => {
                if let Some(doctor) = doctor()
                    && let Ok(body) = Box::pin(read_unchecked(body, self.limits)).await
                {
                    doctor.examine(keys, &parts.headers, body);
                }
                return Err(err.clone().into());
            }
        };
        let (verdict, body) = read(&keys.verifier, signed, body, self.limits).await?;
        match verdict {
            Ok(verified) => {
                self.meters.verified(verified, signed.checked_at());
                Ok((signed.id(), verified, body))
            }
            Err(err) => {
                if let Some(doctor) = doctor() {
                    doctor.examine(keys, &parts.headers, body);
                }
                Err(err.into())
            }
        }
    }

    /// Stores or claims the message: point 10 of the order of checks.
    async fn accept(
        &self,
        keys: &RequestKeys,
        parts: &Parts,
        message: &Message<'_>,
        webhook: &VerifiedWebhook,
    ) -> Result<AcceptedMessage, WebhookRejection> {
        let inbox = &self.inbox;
        let stored = inbox.store(keys, parts, message, webhook, &self.meters);
        match stored.await? {
            Some(stored) => Ok(AcceptedMessage::Stored(stored)),
            None => self
                .claim(keys, message)
                .await
                .map(AcceptedMessage::Claimed),
        }
    }

    async fn claim(
        &self,
        keys: &RequestKeys,
        message: &Message<'_>,
    ) -> Result<Option<MessageClaim>, WebhookRejection> {
        let Some(dedupe) = &self.dedupe else {
            return Ok(None);
        };
        match MessageClaim::acquire(dedupe, keys.verifier.clock(), message, &self.meters).await {
            Ok(ClaimResult::Granted { claim, other_body }) => {
                if other_body {
                    handled::warn_of_reuse(keys, message.identity.id());
                }
                Ok(Some(claim))
            }
            Ok(ClaimResult::InFlight { until }) => Err(WebhookRejection::InFlight {
                lapses_in: until.saturating_since(keys.verifier.now()),
            }),
            Ok(ClaimResult::Done) => Err(WebhookRejection::Duplicate),
            Err(err) => self.store_failed(&err),
        }
    }

    fn store_failed(&self, err: &StoreError) -> Result<Option<MessageClaim>, WebhookRejection> {
        self.meters.store_failed(Operation::Claim);
        let cause = err.source();
        match self.store_failure_policy {
            StoreFailurePolicy::FailClosed => {
                tracing::error!(error = %err, cause, "the dedupe store failed");
                Err(WebhookRejection::StoreFailed)
            }
            StoreFailurePolicy::FailOpen => {
                tracing::warn!(error = %err, cause, "the dedupe store failed: handled unclaimed");
                Ok(None)
            }
        }
    }
}
