//! RFC 9457 problem details: the response to a refused caller.
//!
//! A problem shows its [slug](ProblemKind::slug), title and status. The detailed reason goes to tracing
//! and to the response's extensions, not into the body.

#[cfg(feature = "axum")]
mod response;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

/// A kind of problem: the `type`, `title` and `status` members of RFC 9457 §3.1, which are the same in
/// every occurrence.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ProblemKind {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
}

macro_rules! kinds {
    ($($(#[$meta:meta])* $name:ident = $status:ident, $slug:literal, $title:literal;)*) => {
        impl ProblemKind {
            $(
                $(#[$meta])*
                pub const $name: Self = Self {
                    status: StatusCode::$status,
                    slug: $slug,
                    title: $title,
                };
            )*

            /// Every kind, in the order of this page.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

kinds! {
    /// A header of the scheme is malformed or repeated.
    HEADER_MALFORMED = BAD_REQUEST, "header-malformed", "Malformed webhook header";
    /// The id in the body is not the id in the header.
    ID_MISMATCH = BAD_REQUEST, "id-mismatch", "Message ids differ";
    /// The signature matches, but the body does not decode.
    BODY_MALFORMED = BAD_REQUEST, "body-malformed", "Malformed body";
    /// The body broke off before its end.
    BODY_INCOMPLETE = BAD_REQUEST, "body-incomplete", "Body incomplete";
    /// The bearer credentials are malformed or repeated.
    INVALID_REQUEST = BAD_REQUEST, "invalid-request", "Malformed credentials";
    /// A required header is missing or empty.
    SIGNATURE_MISSING = UNAUTHORIZED, "signature-missing", "Signature missing";
    /// No signature matches under any key.
    SIGNATURE_MISMATCH = UNAUTHORIZED, "signature-mismatch", "Signature does not match";
    /// The timestamp is outside the tolerance.
    TIMESTAMP_STALE = UNAUTHORIZED, "timestamp-stale", "Timestamp out of tolerance";
    /// The request has no bearer token.
    TOKEN_MISSING = UNAUTHORIZED, "token-missing", "Bearer token missing";
    /// The bearer token is not valid.
    INVALID_TOKEN = UNAUTHORIZED, "invalid-token", "Bearer token not acceptable";
    /// The bearer token lacks a scope.
    INSUFFICIENT_SCOPE = FORBIDDEN, "insufficient-scope", "Scope missing";
    /// The method is not POST.
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed";
    /// The body did not arrive within the timeout.
    BODY_TIMEOUT = REQUEST_TIMEOUT, "body-timeout", "Body did not arrive in time";
    /// Another request with the same message is in progress.
    IN_FLIGHT = CONFLICT, "in-flight", "Message is being handled";
    /// The body exceeds the limit.
    BODY_TOO_LARGE = PAYLOAD_TOO_LARGE, "body-too-large", "Body too large";
    /// The body has a content encoding other than identity.
    ENCODING_UNSUPPORTED = UNSUPPORTED_MEDIA_TYPE, "encoding-unsupported", "Content encoding not supported";
    /// The server failed; the log has the cause.
    INTERNAL = INTERNAL_SERVER_ERROR, "internal", "Internal error";
    /// A store cannot be reached.
    STORE_UNAVAILABLE = SERVICE_UNAVAILABLE, "store-unavailable", "Store unavailable";
    /// The session lookup failed; the request had no effect.
    SESSION_UNKNOWN = SERVICE_UNAVAILABLE, "session-unknown", "Session could not be looked up";
    /// The request took effect, but its events could not be stored.
    EVENTS_LOST = SERVICE_UNAVAILABLE, "events-lost", "Done, but its events are lost";
    /// The keys for the check are not available.
    KEYS_UNAVAILABLE = SERVICE_UNAVAILABLE, "keys-unavailable", "Keys unavailable";
}

impl ProblemKind {
    /// Returns the status code of the response.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.status
    }

    /// Returns the stable name, the end of the `type` member.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.slug
    }

    /// Returns the `title` member.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.title
    }
}

/// One occurrence of a problem: a response of type `application/problem+json`.
///
/// ```
/// use tower_auth_sync::problem::{Problem, ProblemKind};
///
/// let response = Problem::new(ProblemKind::IN_FLIGHT)
///     .with_retry_after(5)
///     .to_response();
/// assert_eq!(response.status(), 409);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    kind: ProblemKind,
    detail: Option<String>,
    retry_after_secs: Option<u32>,
}

#[derive(Serialize)]
struct Wire<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl Problem {
    /// Creates an occurrence of `kind` without a detail.
    #[must_use]
    pub const fn new(kind: ProblemKind) -> Self {
        Self {
            kind,
            detail: None,
            retry_after_secs: None,
        }
    }

    /// Sets the `detail` member. The caller sees it, so it must not contain a secret or a cause.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Sets the `Retry-After` header, in seconds.
    #[must_use]
    pub const fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_secs = Some(seconds);
        self
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// Returns the response: status, headers and JSON body.
    #[must_use]
    pub fn to_response(&self) -> Response<Bytes> {
        let wire = Wire {
            r#type: format!("urn:tower-auth-sync:problem:{}", self.kind.slug),
            title: self.kind.title,
            status: self.kind.status.as_u16(),
            detail: self.detail.as_deref(),
        };
        // Strings and one integer cannot fail to serialize; an empty body is still a valid response.
        let json = serde_json::to_vec(&wire).unwrap_or_default();
        let length = HeaderValue::from(json.len());
        let mut response = Response::new(Bytes::from(json));
        *response.status_mut() = self.kind.status;
        let headers = response.headers_mut();
        let media_type = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, media_type);
        headers.insert(CONTENT_LENGTH, length);
        if let Some(seconds) = self.retry_after_secs {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_problem_answers_as_rfc_9457_asks() {
        let response = Problem::new(ProblemKind::IN_FLIGHT)
            .with_detail("wait")
            .with_retry_after(5)
            .to_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[RETRY_AFTER], "5");
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:tower-auth-sync:problem:in-flight",
                "title": "Message is being handled",
                "status": 409,
                "detail": "wait",
            })
        );
    }

    #[test]
    fn no_two_kinds_share_a_slug() {
        let slugs: HashSet<_> = ProblemKind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), ProblemKind::ALL.len());
    }
}
