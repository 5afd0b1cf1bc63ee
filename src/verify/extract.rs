//! What handlers read from a verified request.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::event::Delivered;
use crate::problem::{Problem, ProblemKind};

/// The body of a verified webhook, decoded from JSON: `Webhook<AuthEvent>`, or any type of one's own.
///
/// Reads the bytes that were signed, wherever it stands among a handler's arguments, and leaves the
/// request's body to others. When it refuses, the answer is no 2xx and the message's claim is
/// released.
#[expect(clippy::exhaustive_structs, reason = "handlers take it apart")]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Webhook<T>(pub T);

impl<S, T> FromRequestParts<S> for Webhook<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = WebhookRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let delivered = parts.extensions.get::<Delivered>().ok_or(LayerMissing)?;
        Ok(Self(serde_json::from_slice(delivered.body())?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Delivered {
    type Rejection = LayerMissing;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(LayerMissing)
    }
}

/// For a handler that also serves a route without the layer.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Delivered {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}

/// The route is not behind `VerifyWebhookLayer`: a programming error, so 500.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this route is not behind `VerifyWebhookLayer`")]
pub struct LayerMissing;

impl IntoResponse for LayerMissing {
    fn into_response(self) -> Response {
        tracing::error!(error = %self, "extractor used without its layer");
        Problem::new(ProblemKind::INTERNAL)
            .with_detail(self.to_string())
            .into_response()
    }
}

/// Why [`Webhook`] did not decode a body.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum WebhookRejection {
    /// The route is not behind the layer.
    #[error(transparent)]
    LayerMissing(#[from] LayerMissing),
    /// The signed body is not JSON, or not JSON for this type.
    #[error("the signed body does not decode")]
    Malformed(#[from] serde_json::Error),
}

impl IntoResponse for WebhookRejection {
    fn into_response(self) -> Response {
        match self {
            Self::LayerMissing(missing) => missing.into_response(),
            Self::Malformed(err) => {
                // The error's text may quote the payload: its place and category do not.
                let (line, column, category) = (err.line(), err.column(), err.classify());
                tracing::warn!(line, column, ?category, "a genuine webhook does not decode");
                Problem::new(ProblemKind::BODY_MALFORMED)
                    .with_detail(format!("{category:?} error at line {line} column {column}"))
                    .into_response()
            }
        }
    }
}
