//! Extractors for verified requests.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::wire::event::{AuthEvent, DecodeError, VerifiedWebhook};
use crate::wire::problem::{Problem, ProblemKind};

/// Body of a verified webhook, decoded from JSON: `Webhook<AuthEvent>`, or a type of your own.
///
/// The extractor reads the signed bytes at any position among the arguments of a handler, and
/// leaves the request's body to others. A refusal is no 2xx, so the layer releases the claim.
///
/// ```
/// use http::StatusCode;
/// use tower_auth_sync::event::AuthEvent;
/// use tower_auth_sync::verify::Webhook;
///
/// async fn on_event(Webhook(event): Webhook<AuthEvent>) -> StatusCode {
///     println!("{}", event.event_type());
///     StatusCode::NO_CONTENT
/// }
/// ```
#[expect(clippy::exhaustive_structs, reason = "handlers take it apart")]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Webhook<T>(pub T);

impl<S, T> FromRequestParts<S> for Webhook<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = PayloadRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let webhook = parts
            .extensions
            .get::<VerifiedWebhook>()
            .ok_or(LayerMissing)?;
        let body = webhook.body();
        let decoded = serde_json::from_slice(body);
        Ok(Self(
            decoded.map_err(|source| malformed::<T>(body, source))?,
        ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for VerifiedWebhook {
    type Rejection = LayerMissing;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(LayerMissing)
    }
}

/// Serves handlers that also stand on a route without the layer.
impl<S: Send + Sync> OptionalFromRequestParts<S> for VerifiedWebhook {
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
pub enum PayloadRejection {
    /// The route is not behind the layer.
    #[error(transparent)]
    LayerMissing(#[from] LayerMissing),
    /// The signed body is not JSON, or not JSON for this type.
    #[error("the signed body does not decode")]
    Malformed {
        /// Path of the missing or misfit member, such as `data.emailVerified` or `items[2].name`,
        /// at most 256 bytes. `None` if the body is not JSON, or is another kind of value than the
        /// type.
        field: Option<Box<str>>,
        /// The text may quote the payload: no log and no response contains it.
        source: serde_json::Error,
    },
}

/// Longest path in the response, in bytes: it may contain text of the sender.
const MAX_FIELD: usize = 256;

fn malformed<T: DeserializeOwned>(body: &[u8], source: serde_json::Error) -> PayloadRejection {
    let field = source.is_data().then(|| field_of::<T>(body, &source));
    PayloadRejection::Malformed {
        field: field.flatten(),
        source,
    }
}

/// Decodes again and tracks the path. Tracking allocates a text per member, so only failures pay
/// for it.
fn field_of<T: DeserializeOwned>(body: &[u8], source: &serde_json::Error) -> Option<Box<str>> {
    let text = source.to_string();
    let mut json = serde_json::Deserializer::from_slice(body);
    let err = serde_path_to_error::deserialize::<_, T>(&mut json).err()?;
    let within = err.path().iter().next().map(|_| err.path().to_string());
    let missing = missing_field(&text).or_else(|| field_of_event(body, &text));
    let path: Vec<&str> = [within.as_deref(), missing].into_iter().flatten().collect();
    let mut path = path.join(".");
    path.truncate(path.floor_char_boundary(MAX_FIELD));
    (!path.is_empty()).then(|| path.into())
}

/// Returns the name of a missing member from the text of serde's error. The path ends at the
/// object; nothing else holds the name.
fn missing_field(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix("missing field `")?.split_once('`')?;
    Some(name)
}

/// Returns the member that `AuthEvent` refuses. It checks its members after reading all of them, so
/// serde has no path.
fn field_of_event(body: &[u8], text: &str) -> Option<&'static str> {
    let err = AuthEvent::from_slice(body).err()?;
    match err {
        DecodeError::Missing { field } | DecodeError::WrongType { field, .. }
            if text.starts_with(&err.to_string()) =>
        {
            Some(field)
        }
        _ => None,
    }
}

impl IntoResponse for PayloadRejection {
    fn into_response(self) -> Response {
        match self {
            Self::LayerMissing(missing) => missing.into_response(),
            Self::Malformed { field, source } => {
                // The text of the error may quote the payload; position and category do not.
                let (line, column, category) = (source.line(), source.column(), source.classify());
                let field = field.as_deref();
                tracing::warn!(
                    field,
                    line,
                    column,
                    ?category,
                    "a genuine webhook does not decode"
                );
                let what = field.map(|field| format!("`{field}` does not fit: "));
                let what = what.unwrap_or_default();
                Problem::new(ProblemKind::BODY_MALFORMED)
                    .with_detail(format!(
                        "{what}{category:?} error at line {line} column {column}"
                    ))
                    .into_response()
            }
        }
    }
}
