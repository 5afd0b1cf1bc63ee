//! Extractor for the claims.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::token::verifier::VerifiedToken;
use crate::wire::problem::{Problem, ProblemKind};

/// Extractor for the claims of the token that [`JwtAuthLayer`](crate::token::JwtAuthLayer) accepted,
/// as `T`.
///
/// `T` is decoded from all claims, the registered ones included. `Claims<serde_json::Value>` decodes
/// the claims of every accepted token. `Option<Claims<T>>` is `None` on a route without the layer.
/// `Claims<VerifiedToken>` does not exist: use axum's `Extension<VerifiedToken>`.
///
/// ```
/// use axum::Router;
/// use axum::routing::get;
/// use tower_auth_sync::token::{Claims, JwtAuthLayer, TokenVerifier};
///
/// #[derive(serde::Deserialize)]
/// struct AppClaims {
///     sub: String,
/// }
///
/// async fn me(Claims(claims): Claims<AppClaims>) -> String {
///     claims.sub
/// }
///
/// fn app(tokens: TokenVerifier) -> Router {
///     Router::new().route("/me", get(me).layer(JwtAuthLayer::new(tokens)))
/// }
/// ```
///
/// # Errors
///
/// `500` on a route without the layer. `401` `invalid_token` if the token is good but its claims do
/// not have the shape of `T`. That is the caller's mistake: the issuer may also issue other kinds of
/// tokens, such as those of guests. The log names `T` and the place of the mismatch.
#[expect(clippy::exhaustive_structs, reason = "handlers destructure it")]
#[derive(Clone, Copy, Debug)]
pub struct Claims<T>(pub T);

/// Why the claims cannot be extracted.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ClaimsRejection {
    /// The route is not behind `JwtAuthLayer`: a programming error, so `500`.
    #[error("`Claims` needs `JwtAuthLayer` on this route")]
    LayerMissing,
    /// The claims do not have the shape of the handler's type.
    #[error("the claims are not a `{expected}` (line {line}, column {column})")]
    Shape {
        /// The name of the type.
        expected: &'static str,
        /// The line of the mismatch, counted from 1. The value there is not shown.
        line: usize,
        /// The column of the mismatch, counted from 1.
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
                tracing::warn!(error = %self, "a token has other claims than its handler expects");
                let problem = Problem::new(ProblemKind::INVALID_TOKEN)
                    .with_detail("the token is not acceptable here");
                ([(WWW_AUTHENTICATE, CHALLENGE)], problem).into_response()
            }
        }
    }
}
