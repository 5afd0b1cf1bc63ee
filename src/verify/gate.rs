//! The decision: everything between the request and the inner service.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderMap, Method, Request};
use http_body::Body;
use http_body_util::{Full, LengthLimitError};

use super::body_id;
use super::claim::{Asked, Claim};
use super::rejection::RefusalReason;
use crate::body::{BoxError, CollectError, collect};
use crate::dedupe::{Dedupe, Identity, Message};
use crate::event::Delivered;
use crate::problem::ProblemKind;
use crate::signature::{IdSource, SignedHeaders, Verified, Verifier, VerifyError};
use crate::store_error::StoreError;

const DEFAULT_BODY_CAP: usize = 1024 * 1024;
const DEFAULT_BODY_DEADLINE: Duration = Duration::from_secs(10);

/// A replay is recognised for this long at least.
const LEAST_REPLAYABLE: Duration = Duration::from_secs(15 * 60);

/// How far the clocks of two receivers may differ.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// Where our own emitter, and many others, put the id.
const USUAL_ID: &str = "/id";

/// What [`VerifyWebhookLayer`](super::VerifyWebhookLayer) does while the dedupe store fails.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnStoreFailure {
    /// Answers 503 with `Retry-After`: the sender tries again, nothing is handled twice.
    #[default]
    FailClosed,
    /// Handles the message as if it came for the first time, and logs a warning.
    ///
    /// # Security
    ///
    /// For as long as the store fails, retries and replays are handled again.
    FailOpen,
}

/// The settings of a layer, and the checks in their order.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) verifier: Verifier,
    pub(super) dedupe: Option<Dedupe>,
    pub(super) on_store_failure: OnStoreFailure,
    pub(super) require_signed_id: bool,
    pub(super) body_cap: usize,
    pub(super) body_deadline: Duration,
}

/// A request that may be handled, and the claim on its message.
pub(super) struct Admitted {
    pub(super) request: Request<Full<Bytes>>,
    pub(super) claim: Option<Claim>,
}

impl Gate {
    pub(super) fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            dedupe: Some(Dedupe::in_memory()),
            on_store_failure: OnStoreFailure::default(),
            require_signed_id: false,
            body_cap: DEFAULT_BODY_CAP,
            body_deadline: DEFAULT_BODY_DEADLINE,
        }
    }

    pub(super) async fn judge<B>(
        self: Arc<Self>,
        request: Request<B>,
    ) -> Result<Admitted, RefusalReason>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let (mut parts, body) = request.into_parts();
        let (delivered, claim) = self.admit(&parts, body).await?;
        let body = Full::new(delivered.body().clone());
        parts.extensions.insert(delivered);
        let request = Request::from_parts(parts, body);
        Ok(Admitted { request, claim })
    }

    async fn admit<B>(
        &self,
        parts: &Parts,
        body: B,
    ) -> Result<(Delivered, Option<Claim>), RefusalReason>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        let verified = self.verify(parts, body).await;
        let (signed, verified, body) = verified.inspect_err(|reason| self.log(reason, None))?;

        let in_body = self.id_in_body(&body);
        let identity = self.identity(&signed, in_body.as_deref());
        if self.require_signed_id && !is_vouched_for(identity, signed.id()) {
            let reason = RefusalReason::IdMismatch;
            self.log(&reason, signed.id());
            return Err(reason);
        }
        let message = Message {
            identity,
            sent_at: verified.sent_at(),
            body: &body,
            replayable: self.replayable(),
        };
        let claim = self.claim(&message).await;
        let claim = claim.inspect_err(|reason| self.log(reason, identity.id()))?;
        Ok((self.delivered(identity, verified, body.clone()), claim))
    }

    /// Points 1 to 7 of the order of checks.
    async fn verify<'h, B>(
        &self,
        parts: &'h Parts,
        body: B,
    ) -> Result<(SignedHeaders<'h>, Verified, Bytes), RefusalReason>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        self.check_head(parts, body.size_hint().lower())?;
        let signed = self.verifier.check_headers(&parts.headers)?;
        let body = collect(body, self.body_cap, self.body_deadline)
            .await
            .map_err(|err| unread(&err))?;
        let verified = self.verifier.check_body(&signed, &body)?;
        Ok((signed, verified, body))
    }

    fn check_head(&self, parts: &Parts, least_length: u64) -> Result<(), RefusalReason> {
        if parts.method != Method::POST {
            return Err(RefusalReason::Method);
        }
        if !is_identity(&parts.headers) {
            return Err(RefusalReason::ContentEncoding);
        }
        let length = declared_length(&parts.headers).unwrap_or(0);
        if length.max(least_length) > self.body_cap as u64 {
            return Err(RefusalReason::BodyTooLarge);
        }
        Ok(())
    }

    fn id_in_body<'b>(&self, body: &'b [u8]) -> Option<Cow<'b, str>> {
        let path = match self.verifier.scheme().id_source() {
            IdSource::SignedHeader => return None,
            IdSource::UnsignedHeader => USUAL_ID,
            IdSource::SignedBody(path) => path,
        };
        body_id::string_at(body, path).filter(|id| !id.is_empty())
    }

    fn identity<'a>(&self, signed: &SignedHeaders<'a>, in_body: Option<&'a str>) -> Identity<'a> {
        let unsigned = Identity::Unsigned {
            id: signed.id(),
            in_body,
        };
        match self.verifier.scheme().id_source() {
            IdSource::SignedHeader => signed.id().map_or(unsigned, Identity::Signed),
            IdSource::SignedBody(_) => in_body.map_or(unsigned, Identity::Signed),
            IdSource::UnsignedHeader => match (signed.id(), in_body) {
                (Some(id), Some(in_body)) if id == in_body => Identity::Echoed(id),
                _ => unsigned,
            },
        }
    }

    fn replayable(&self) -> Duration {
        let window = self.verifier.tolerance().saturating_mul(2);
        LEAST_REPLAYABLE.max(window.saturating_add(SKEW))
    }

    /// Point 9 of the order of checks.
    async fn claim(&self, message: &Message<'_>) -> Result<Option<Claim>, RefusalReason> {
        let Some(dedupe) = &self.dedupe else {
            return Ok(None);
        };
        match Claim::ask(dedupe, &self.verifier, message).await {
            Ok(Asked::Granted { claim, other_body }) => {
                if other_body {
                    self.warn_of_reuse(message.identity.id());
                }
                Ok(Some(claim))
            }
            Ok(Asked::InFlight { until }) => Err(RefusalReason::InFlight {
                lapses_in: until.saturating_since(self.verifier.now()),
            }),
            Ok(Asked::Done { other_body }) => Err(RefusalReason::Duplicate { other_body }),
            Err(err) => self.store_failed(&err),
        }
    }

    fn store_failed(&self, err: &StoreError) -> Result<Option<Claim>, RefusalReason> {
        let cause = err.source();
        match self.on_store_failure {
            OnStoreFailure::FailClosed => {
                tracing::error!(error = %err, cause, "the dedupe store failed");
                Err(RefusalReason::StoreFailed)
            }
            OnStoreFailure::FailOpen => {
                tracing::warn!(error = %err, cause, "the dedupe store failed: handled unclaimed");
                Ok(None)
            }
        }
    }

    fn delivered(&self, identity: Identity<'_>, verified: Verified, body: Bytes) -> Delivered {
        Delivered::new(
            identity.id(),
            identity.is_authentic(),
            verified.sent_at(),
            self.verifier.scheme().name(),
            verified.key(),
            body,
        )
    }

    fn warn_of_reuse(&self, id: Option<&str>) {
        let scheme = self.verifier.scheme().name();
        tracing::warn!(
            scheme,
            id,
            "an unsigned id came with another body than before"
        );
    }

    /// Tells why; of the request nothing but an id whose signature was right.
    fn log(&self, reason: &RefusalReason, id: Option<&str>) {
        let scheme = self.verifier.scheme().name();
        let problem = reason.kind().map(ProblemKind::slug);
        match reason {
            RefusalReason::Signature(VerifyError::ClockNotSet) | RefusalReason::StoreFailed => {
                tracing::error!(scheme, problem, id, %reason, "webhook refused");
            }
            RefusalReason::Duplicate { other_body: true } => {
                tracing::warn!(scheme, id, "a handled message came again with another body");
            }
            RefusalReason::Duplicate { .. } | RefusalReason::InFlight { .. } => {
                tracing::info!(scheme, problem, id, %reason, "webhook not handled twice");
            }
            _ => tracing::info!(scheme, problem, id, %reason, "webhook refused"),
        }
    }
}

/// Whether an id is the one under the signature, and no header says otherwise.
fn is_vouched_for(identity: Identity<'_>, header: Option<&str>) -> bool {
    match identity {
        Identity::Signed(id) => header.is_none_or(|header| header == id),
        Identity::Echoed(_) => true,
        Identity::Unsigned { .. } => false,
    }
}

fn is_identity(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    values.all(|value| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn unread(err: &CollectError) -> RefusalReason {
    match err {
        CollectError::TooLarge => RefusalReason::BodyTooLarge,
        CollectError::Timeout => RefusalReason::BodyTimeout,
        CollectError::Read(cause) if is_length_limit(&**cause) => RefusalReason::BodyTooLarge,
        CollectError::Read(_) => RefusalReason::BodyIncomplete,
    }
}

/// A limit outside this layer, such as `DefaultBodyLimit`, cut the body off.
fn is_length_limit(err: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(err);
    while let Some(err) = cause {
        if err.is::<LengthLimitError>() {
            return true;
        }
        cause = err.source();
    }
    false
}
