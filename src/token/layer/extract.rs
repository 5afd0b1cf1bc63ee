//! The claims as an extractor.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::token::verifier::VerifiedToken;
use crate::wire::problem::{Problem, ProblemKind};

/// The claims of the token that [`JwtAuthLayer`](super::layer::JwtAuthLayer) accepted, as `T`.
///
/// `T` sees all claims, the registered ones too; `Claims<serde_json::Value>` takes those of every
/// token that the layer lets through. `Option<Claims<T>>` is `None` on a route without the
/// layer; `Claims<VerifiedToken>` does not exist, since axum's `Extension<VerifiedToken>` does that.
///
/// # Errors
///
/// `500` on a route without the layer. `401` `invalid_token` if the token is good but its claims do
/// not have the shape of `T`: a token of another kind by the same issuer, such as a guest's, is the
/// caller's mistake and must not page anyone here. The log names `T` and where the shape ends.
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
#[derive(Clone, Copy, Debug)]
pub struct Claims<T>(pub T);

/// Why there are no claims.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ClaimsRejection {
    /// The route is not behind `JwtAuthLayer`: a programming error, so `500`.
    #[error("`Claims` needs `JwtAuthLayer` on this route")]
    LayerMissing,
    /// The claims do not have the shape that the handler asks for.
    #[error("the claims are not a `{expected}` (line {line}, column {column})")]
    Shape {
        /// The name of the type.
        expected: &'static str,
        /// Where the claims stop to fit, counted from 1. The value there is not told.
        line: usize,
        /// The column of the same place.
        column: usize,
    },
}

impl<T, S> FromRequestParts<S> for Claims<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        decode(parts)?.ok_or(ClaimsRejection::LayerMissing)
    }
}

impl<T, S> OptionalFromRequestParts<S> for Claims<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ClaimsRejection;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &S,
    ) -> Result<Option<Self>, Self::Rejection> {
        decode(parts)
    }
}

fn decode<T: DeserializeOwned>(parts: &Parts) -> Result<Option<Claims<T>>, ClaimsRejection> {
    let Some(token) = parts.extensions.get::<VerifiedToken>() else {
        return Ok(None);
    };
    match token.claims() {
        Ok(claims) => Ok(Some(Claims(claims))),
        Err(error) => Err(ClaimsRejection::Shape {
            expected: std::any::type_name::<T>(),
            line: error.line(),
            column: error.column(),
        }),
    }
}

impl IntoResponse for ClaimsRejection {
    fn into_response(self) -> Response {
        match self {
            Self::LayerMissing => {
                tracing::error!(error = %self, "extractor used without its layer");
                Problem::new(ProblemKind::INTERNAL).into_response()
            }
            Self::Shape { .. } => {
                const CHALLENGE: HeaderValue = HeaderValue::from_static(
                    "Bearer error=\"invalid_token\", \
                     error_description=\"the token is not acceptable here\"",
                );
                tracing::warn!(error = %self, "a token has other claims than its handler asks for");
                let problem = Problem::new(ProblemKind::INVALID_TOKEN)
                    .with_detail("the token is not acceptable here");
                ([(WWW_AUTHENTICATE, CHALLENGE)], problem).into_response()
            }
        }
    }
}
