//! Reasons for refusals, and their responses.

use std::time::Duration;

use bytes::Bytes;
use http::header::ALLOW;
use http::{HeaderValue, Response};

use crate::http::body::ResponseBody;
use crate::wire::problem::{Problem, ProblemKind};
use crate::wire::signature::VerifyError;

/// Longest `Retry-After` for a message in flight: handlers are faster than their lease.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(10);

/// `Retry-After` while the store or the key provider fails, in seconds.
const OUTAGE_RETRY_AFTER_SECS: u32 = 10;

/// Reason why a request did not reach the inner service.
///
/// The response's extensions hold it, for layers and logs outside. The caller reads only the slug
/// of [`kind`](Self::kind).
///
/// ```
/// use tower_auth_sync::verify::WebhookRejection;
///
/// let kind = WebhookRejection::BodyTooLarge.kind().expect("only a duplicate has none");
/// assert_eq!(kind.slug(), "body-too-large");
/// assert!(WebhookRejection::Duplicate.kind().is_none());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WebhookRejection {
    /// The method is not POST.
    #[error("the method is not POST")]
    Method,
    /// The body has a content encoding other than identity.
    #[error("the body has a content encoding")]
    ContentEncoding,
    /// The declared or actual length of the body exceeds the limit.
    #[error("the body exceeds the limit")]
    BodyTooLarge,
    /// The body did not end before the timeout.
    #[error("the body did not end before the timeout")]
    BodyTimeout,
    /// The body ended early.
    #[error("the body could not be read to its end")]
    BodyIncomplete,
    /// The key provider knows no tenant for the request.
    #[error("no tenant is known for the request")]
    UnknownTenant,
    /// The key provider failed. The log has the cause.
    #[error("the key provider failed")]
    KeysUnavailable,
    /// The headers, the time or the signature are wrong.
    #[error(transparent)]
    Signature(#[from] VerifyError),
    /// A signed id is required and missing, or a header has another id.
    #[error("the signed id is missing, or a header has another id")]
    IdMismatch,
    /// Another request handles the same message.
    #[error("the same message is being handled")]
    InFlight {
        /// Time until the claim lapses.
        lapses_in: Duration,
    },
    /// The message was handled, or the same request arrived before under another id.
    #[error("the same message arrived before")]
    Duplicate,
    /// The dedupe store, or the inbox, failed. The log has the cause.
    #[error("the store failed")]
    StoreFailed,
}

impl WebhookRejection {
    /// Returns the problem in the response; `None` for a [duplicate](Self::Duplicate), whose
    /// response is 200.
    #[must_use]
    pub const fn kind(&self) -> Option<ProblemKind> {
        Some(match self {
            Self::Method => ProblemKind::METHOD_NOT_ALLOWED,
            Self::ContentEncoding => ProblemKind::ENCODING_UNSUPPORTED,
            Self::BodyTooLarge => ProblemKind::BODY_TOO_LARGE,
            Self::BodyTimeout => ProblemKind::BODY_TIMEOUT,
            Self::BodyIncomplete => ProblemKind::BODY_INCOMPLETE,
            // The same as for a wrong secret.
            Self::UnknownTenant => ProblemKind::SIGNATURE_MISMATCH,
            Self::KeysUnavailable => ProblemKind::KEYS_UNAVAILABLE,
            Self::Signature(err) => err.kind(),
            Self::IdMismatch => ProblemKind::ID_MISMATCH,
            Self::InFlight { .. } => ProblemKind::IN_FLIGHT,
            Self::Duplicate => return None,
            Self::StoreFailed => ProblemKind::STORE_UNAVAILABLE,
        })
    }

    pub(super) fn to_response<B>(&self) -> Response<ResponseBody<B>> {
        let mut response = match self.kind() {
            Some(kind) => ResponseBody::problem(&self.problem(kind)),
            None => Response::new(ResponseBody::own(Bytes::new())),
        };
        if *self == Self::Method {
            let post = HeaderValue::from_static("POST");
            response.headers_mut().insert(ALLOW, post);
        }
        response.extensions_mut().insert(self.clone());
        response
    }

    fn problem(&self, kind: ProblemKind) -> Problem {
        let problem = Problem::new(kind);
        match self {
            Self::InFlight { lapses_in } => problem.with_retry_after(retry_after(*lapses_in)),
            Self::StoreFailed | Self::KeysUnavailable => {
                problem.with_retry_after(OUTAGE_RETRY_AFTER_SECS)
            }
            _ => problem,
        }
    }
}

/// Returns whole seconds, rounded up.
fn retry_after(lapses_in: Duration) -> u32 {
    let wait = lapses_in.clamp(Duration::from_secs(1), MOST_RETRY_AFTER);
    u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
