//! One attempt: sign, send, classify, record.

use std::error::Error;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::classify::{Classification, RetryAfter, classify};
use crate::base::clock::UnixMillis;
use crate::http::client::{CallError, ClientResponse, HttpClient};
use crate::queue::{AttemptNumber, AttemptResult, WorkerSettings, lengthen, record};
use crate::send::outbox::{
    AttemptReport, DeliveryLease, FailureReason, Outbox, OutboxStore as _, Outcome, Settlement,
};
use crate::wire::signature::WebhookConfigError;

/// The job of a worker: makes attempts.
#[derive(Debug)]
pub(super) struct DeliveryJob {
    pub(super) outbox: Outbox,
    pub(super) client: HttpClient,
    pub(super) settings: WorkerSettings,
    pub(super) per_endpoint: NonZeroU16,
}

impl DeliveryJob {
    /// Makes the attempt of `lease` and settles the lease.
    pub(super) async fn deliver(self: Arc<Self>, lease: DeliveryLease) -> AttemptResult {
        let span = tracing::info_span!(
            "delivery_attempt",
            delivery = %lease.id,
            event = %lease.work.event,
            endpoint = %lease.work.endpoint.id,
            attempt = %lease.attempt,
        );
        async {
            let settlement = self.attempt(&lease).await;
            self.settle(&lease, settlement).await
        }
        .instrument(span)
        .await
    }

    async fn attempt(&self, lease: &DeliveryLease) -> Settlement {
        let started_at = self.settings.schedule.now();
        let begun = Instant::now();
        let response = self.call(lease, started_at).await;
        let duration = begun.elapsed();
        let (outcome, not_before) = self.decide(&response, lease.attempt);
        log(&response, outcome);
        Settlement::new(report(response, started_at, duration), outcome).with_not_before(not_before)
    }

    /// Signs and sends. The request has no other headers than ours and those of the client.
    async fn call(
        &self,
        lease: &DeliveryLease,
        now: UnixMillis,
    ) -> Result<ClientResponse, AttemptError> {
        let signer = lease.work.endpoint.signer(now)?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        signer
            .sign_at(&lease.work.event, now.to_secs(), &lease.work.payload)
            .apply(&mut headers);
        let (url, body) = (&lease.work.endpoint.url, lease.work.payload.clone());
        Ok(self.client.send(Method::POST, url, headers, body).await?)
    }

    /// Returns the outcome, and the time until which the endpoint rests.
    fn decide(
        &self,
        response: &Result<ClientResponse, AttemptError>,
        attempt: AttemptNumber,
    ) -> (Outcome, Option<UnixMillis>) {
        let now = self.settings.schedule.now();
        let classification = match response {
            Ok(response) => classify(response.status, &response.headers, now.to_secs()),
            Err(_) => Classification::Failed(RetryAfter::default()),
        };
        let retry_after = match classification {
            Classification::Delivered => return (Outcome::Delivered, None),
            Classification::Gone => return (Outcome::Gone, None),
            Classification::Failed(retry_after) => retry_after,
        };
        let due_at = self.settings.schedule.after(attempt, retry_after.delivery);
        let outcome = due_at.map_or(Outcome::Exhausted, |at| Outcome::Retry { at });
        let end_of_rest = |rest| {
            let rest = lengthen(rest, self.settings.schedule.jitter());
            self.settings.schedule.now().saturating_add(rest)
        };
        let not_before = retry_after.endpoint.map(end_of_rest);
        (outcome, not_before)
    }

    async fn settle(&self, lease: &DeliveryLease, settlement: Settlement) -> AttemptResult {
        let ended = match settlement.outcome {
            Outcome::Delivered => AttemptResult::Succeeded,
            Outcome::Retry { .. } | Outcome::Exhausted | Outcome::Gone => AttemptResult::Failed,
        };
        let settle = || {
            let now = self.settings.schedule.now();
            self.outbox.settle(lease, settlement.clone(), now)
        };
        let Some(settled) = record(RECORD_TIMEOUT, settle).await else {
            return AttemptResult::Unrecorded;
        };
        if let Some(because) = settled.disabled {
            tracing::warn!(%because, "the endpoint is disabled");
        }
        ended
    }
}

fn report(
    response: Result<ClientResponse, AttemptError>,
    started_at: UnixMillis,
    duration: Duration,
) -> AttemptReport {
    let (status, failure, body) = match response {
        Ok(response) => {
            let failure = (!response.status.is_success()).then_some(FailureReason::Status);
            (Some(response.status), failure, response.body)
        }
        Err(error) => (None, Some(error.reason()), Bytes::new()),
    };
    AttemptReport::new(started_at, duration)
        .with_response(status, body)
        .with_failure(failure)
}

fn log(response: &Result<ClientResponse, AttemptError>, outcome: Outcome) {
    match response {
        Ok(response) if outcome == Outcome::Delivered => {
            tracing::info!(status = response.status.as_u16(), "delivered");
        }
        Ok(response) => {
            let status = response.status.as_u16();
            tracing::warn!(status, ?outcome, "the endpoint did not accept the message");
        }
        Err(error) => {
            let cause = error as &(dyn Error + 'static);
            tracing::warn!(error = cause, ?outcome, "the attempt failed");
        }
    }
}

/// Why an attempt has no response.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error("the message cannot be signed")]
    Sign(#[from] WebhookConfigError),
    #[error(transparent)]
    Call(#[from] CallError),
}

impl AttemptError {
    /// The only mapping from an error to what an endpoint's owner may read.
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

/// Time to record an outcome, retries included: less than [`MARGIN`](crate::queue::MARGIN).
const RECORD_TIMEOUT: Duration = Duration::from_secs(4);
