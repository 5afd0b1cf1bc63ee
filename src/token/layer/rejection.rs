//! Refusals, and their mapping to a status code and a challenge.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Response};

use crate::http::body::ResponseBody;
use crate::token::error::TokenError;
use crate::token::key_source::LookupError;
use crate::wire::problem::{Problem, ProblemKind};

/// Why a request was refused. The layer inserts it into the response's extensions.
///
/// The rejection is for operators: the response says less. It never holds the token.
///
/// ```
/// use tower_auth_sync::token::JwtRejection;
///
/// fn is_expected<B>(response: &http::Response<B>) -> bool {
///     let rejection = response.extensions().get::<JwtRejection>();
///     rejection.is_none_or(|rejection| !rejection.kind().status().is_server_error())
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, thiserror::Error)]
pub enum JwtRejection {
    /// The request has no `Authorization` header, or one of another scheme.
    #[error("the request has no bearer token")]
    NoCredentials,
    /// The `Authorization` header is not one bearer token.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The verifier refused the token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token lacks a scope.
    #[error("the token lacks one of the scopes \"{required}\"")]
    InsufficientScope {
        /// The layer's scopes, joined by spaces.
        required: Arc<str>,
    },
}

/// Why an `Authorization` header of the scheme `Bearer` is malformed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CredentialsError {
    /// The request has more than one `Authorization` line.
    #[error("there is more than one `Authorization` line")]
    Doubled,
    /// `Bearer` is followed by no token.
    #[error("there is no token after `Bearer`")]
    NoToken,
    /// The text after `Bearer` is not one token of RFC 6750 §2.1.
    #[error("the text after `Bearer` is not one token")]
    Token,
}

impl JwtRejection {
    /// Returns the problem of the response.
    #[must_use]
    pub const fn kind(&self) -> ProblemKind {
        match self {
            Self::NoCredentials => ProblemKind::TOKEN_MISSING,
            Self::Credentials(_) => ProblemKind::INVALID_REQUEST,
            Self::Token(why) => why.kind(),
            Self::InsufficientScope { .. } => ProblemKind::INSUFFICIENT_SCOPE,
        }
    }

    /// Returns the response, with this rejection in its extensions.
    pub(super) fn to_response<B>(&self, realm: &str) -> Response<ResponseBody<B>> {
        self.log();
        let mut response = ResponseBody::problem(&self.problem());
        // Realm, scopes and descriptions are printable ASCII, so the conversion does not fail.
        let challenge = self.challenge(realm);
        let challenge = challenge.and_then(|text| HeaderValue::try_from(text).ok());
        let challenge = challenge.map(|value| (WWW_AUTHENTICATE, value));
        response.headers_mut().extend(challenge);
        response.extensions_mut().insert(self.clone());
        response
    }

    fn problem(&self) -> Problem {
        let problem = Problem::new(self.kind());
        match self {
            Self::NoCredentials => problem,
            Self::Credentials(why) => problem.with_detail(why.to_string()),
            Self::Token(TokenError::Key(LookupError::Unavailable { retry_after, .. })) => {
                problem.with_retry_after(whole_seconds(*retry_after))
            }
            Self::Token(TokenError::ClockNotSet) => problem,
            Self::Token(why) => problem.with_detail(why.description()),
            Self::InsufficientScope { required } => {
                problem.with_detail(format!("required scope: {required}"))
            }
        }
    }

    /// Returns the challenge of RFC 6750 §3. A server error has none.
    fn challenge(&self, realm: &str) -> Option<String> {
        let kind = self.kind();
        if kind.status().is_server_error() {
            return None;
        }
        let mut text = format!("Bearer realm=\"{realm}\"");
        let (error, description) = match self {
            Self::NoCredentials => return Some(text),
            Self::Credentials(_) => ("invalid_request", "send one bearer token"),
            Self::Token(why) => ("invalid_token", why.description()),
            Self::InsufficientScope { .. } => ("insufficient_scope", "the token lacks a scope"),
        };
        // Writing to a string does not fail.
        let _ = write!(
            text,
            ", error=\"{error}\", error_description=\"{description}\""
        );
        if let Self::InsufficientScope { required } = self {
            let _ = write!(text, ", scope=\"{required}\"");
        }
        Some(text)
    }

    fn log(&self) {
        let problem = self.kind().slug();
        if self.kind().status().is_server_error() {
            let cause = std::error::Error::source(self);
            tracing::error!(reason = %self, cause, problem, "cannot check a token");
        } else if matches!(self, Self::NoCredentials) {
            tracing::debug!(reason = %self, problem, "request refused");
        } else {
            tracing::info!(reason = %self, problem, "request refused");
        }
    }
}

/// Rounds up: a caller that retries too early is refused again.
fn whole_seconds(wait: Duration) -> u32 {
    let up = u64::from(wait.subsec_nanos() > 0);
    u32::try_from(wait.as_secs().saturating_add(up)).unwrap_or(u32::MAX)
}
