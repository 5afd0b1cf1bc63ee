//! One attempt: sign, send, judge, record.

use std::error::Error;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::classify::{Verdict, Wait, classify};
use crate::base::clock::UnixMillis;
use crate::http::client::{Answer, CallError, HttpClient};
use crate::queue::AttemptResult;
use crate::queue::Schedule;
use crate::queue::record;
use crate::queue::{AttemptNumber, lengthen};
use crate::send::outbox::{AttemptReport, FailureReason, Lease, OutboxStore, Outcome, Settlement};
use crate::wire::signature::WebhookConfigError;

/// Makes attempts.
#[derive(Debug)]
pub(super) struct Courier<S> {
    pub(super) store: S,
    pub(super) client: HttpClient,
    pub(super) schedule: Schedule,
    pub(super) per_endpoint: NonZeroU16,
}

impl<S: OutboxStore> Courier<S> {
    /// Makes the attempt that `lease` is for and settles it.
    pub(super) async fn deliver(self: Arc<Self>, lease: Lease) -> AttemptResult {
        let span = tracing::info_span!(
            "delivery_attempt",
            delivery = %lease.delivery,
            event = %lease.event,
            endpoint = %lease.endpoint.id,
            attempt = %lease.attempt,
        );
        async {
            let settlement = self.attempt(&lease).await;
            self.settle(&lease, settlement).await
        }
        .instrument(span)
        .await
    }

    async fn attempt(&self, lease: &Lease) -> Settlement {
        let started_at = self.schedule.now();
        let begun = Instant::now();
        let answer = self.call(lease, started_at).await;
        let duration = begun.elapsed();
        let (outcome, not_before) = self.judge(&answer, lease.attempt);
        log(&answer, outcome);
        Settlement {
            report: report(answer, started_at, duration),
            outcome,
            not_before,
        }
    }

    /// Signs and sends. Our headers are the only ones, and the client adds its own after them.
    async fn call(&self, lease: &Lease, now: UnixMillis) -> Result<Answer, AttemptError> {
        let signer = lease.endpoint.signer(now)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        signer
            .sign(&lease.event, now.to_secs(), &lease.payload)
            .apply(&mut headers);
        let (url, body) = (&lease.endpoint.url, lease.payload.clone());
        Ok(self.client.post(url, headers, body).await?)
    }

    /// Returns what becomes of the delivery, and until when its endpoint is left alone.
    fn judge(
        &self,
        answer: &Result<Answer, AttemptError>,
        attempt: AttemptNumber,
    ) -> (Outcome, Option<UnixMillis>) {
        let now = self.schedule.now();
        let verdict = match answer {
            Ok(answer) => classify(answer.status, &answer.headers, now.to_secs()),
            Err(_) => Verdict::Failed(Wait::default()),
        };
        let wait = match verdict {
            Verdict::Delivered => return (Outcome::Delivered, None),
            Verdict::Gone => return (Outcome::Gone, None),
            Verdict::Failed(wait) => wait,
        };
        let due_at = self.schedule.after(attempt, wait.delivery);
        let outcome = due_at.map_or(Outcome::Exhausted, |at| Outcome::Retry { at });
        let rested = |rest| {
            let rest = lengthen(rest, self.schedule.jitter());
            self.schedule.now().saturating_add(rest)
        };
        let not_before = wait.endpoint.map(rested);
        (outcome, not_before)
    }

    async fn settle(&self, lease: &Lease, settlement: Settlement) -> AttemptResult {
        let ended = match settlement.outcome {
            Outcome::Delivered => AttemptResult::Succeeded,
            Outcome::Retry { .. } | Outcome::Exhausted | Outcome::Gone => AttemptResult::Failed,
        };
        let settle = || {
            let now = self.schedule.now();
            self.store.settle(lease, settlement.clone(), now)
        };
        let Some(settled) = record(TRIES, settle).await else {
            return AttemptResult::Unrecorded;
        };
        if let Some(because) = settled.disabled {
            tracing::warn!(%because, "the endpoint is disabled");
        }
        ended
    }
}

fn report(
    answer: Result<Answer, AttemptError>,
    started_at: UnixMillis,
    duration: Duration,
) -> AttemptReport {
    let (status, failure, response) = match answer {
        Ok(answer) => {
            let failure = (!answer.status.is_success()).then_some(FailureReason::Status);
            (Some(answer.status), failure, answer.body)
        }
        Err(error) => (None, Some(error.reason()), Bytes::new()),
    };
    AttemptReport {
        started_at,
        duration,
        status,
        failure,
        response,
    }
}

fn log(answer: &Result<Answer, AttemptError>, outcome: Outcome) {
    match answer {
        Ok(answer) if outcome == Outcome::Delivered => {
            tracing::info!(status = answer.status.as_u16(), "delivered");
        }
        Ok(answer) => {
            let status = answer.status.as_u16();
            tracing::warn!(status, ?outcome, "the endpoint did not accept the message");
        }
        Err(error) => {
            let cause = error as &(dyn Error + 'static);
            tracing::warn!(error = cause, ?outcome, "the attempt failed");
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error("the message cannot be signed")]
    Sign(#[from] WebhookConfigError),
    #[error(transparent)]
    Call(#[from] CallError),
}

impl AttemptError {
    /// The only place where an error meets what an endpoint's owner may read.
    const fn reason(&self) -> FailureReason {
        match self {
            Self::Sign(_) => FailureReason::Unsendable,
            Self::Call(CallError::Blocked(_)) => FailureReason::Blocked,
            Self::Call(CallError::Connect(_) | CallError::Tls(_)) => FailureReason::Connect,
            Self::Call(CallError::Timeout) => FailureReason::Timeout,
            Self::Call(CallError::Protocol(_)) => FailureReason::Protocol,
        }
    }
}

/// For how long the outcome is tried to be recorded: less than [`MARGIN`](crate::queue::MARGIN).
const TRIES: Duration = Duration::from_secs(4);
