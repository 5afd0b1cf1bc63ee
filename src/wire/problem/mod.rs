//! RFC 9457 problem details: what a refused caller reads.
//!
//! A problem tells a stranger its [slug](ProblemKind::slug), title and status. Why a request was
//! refused in detail goes to tracing and to the response's extensions, not into the body.

#[cfg(feature = "axum")]
mod response;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

/// A kind of problem: the `type`, `title` and `status` members of RFC 9457 §3.1, which never vary
/// between two occurrences of the same problem.
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
    /// A header that the scheme needs is malformed or doubled.
    HEADER_MALFORMED = BAD_REQUEST, "header-malformed", "Malformed webhook header";
    /// The id in the body is not the id in the header.
    ID_MISMATCH = BAD_REQUEST, "id-mismatch", "Message ids differ";
    /// The body does not decode, although its signature is right.
    BODY_MALFORMED = BAD_REQUEST, "body-malformed", "Malformed body";
    /// The body broke off before its end.
    BODY_INCOMPLETE = BAD_REQUEST, "body-incomplete", "Body incomplete";
    /// The request carries bearer credentials that are malformed, or more than one set of them.
    INVALID_REQUEST = BAD_REQUEST, "invalid-request", "Malformed credentials";
    /// A header that the scheme needs is missing or empty.
    SIGNATURE_MISSING = UNAUTHORIZED, "signature-missing", "Signature missing";
    /// No key makes any of the signatures.
    SIGNATURE_MISMATCH = UNAUTHORIZED, "signature-mismatch", "Signature does not match";
    /// The timestamp is too far from now.
    TIMESTAMP_STALE = UNAUTHORIZED, "timestamp-stale", "Timestamp out of tolerance";
    /// No bearer token was sent.
    TOKEN_MISSING = UNAUTHORIZED, "token-missing", "Bearer token missing";
    /// The bearer token is not acceptable.
    INVALID_TOKEN = UNAUTHORIZED, "invalid-token", "Bearer token not acceptable";
    /// The bearer token lacks a scope.
    INSUFFICIENT_SCOPE = FORBIDDEN, "insufficient-scope", "Scope missing";
    /// Only POST is served.
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed";
    /// The body did not arrive in time.
    BODY_TIMEOUT = REQUEST_TIMEOUT, "body-timeout", "Body did not arrive in time";
    /// The same message is being handled now.
    IN_FLIGHT = CONFLICT, "in-flight", "Message is being handled";
    /// The body is larger than the cap.
    BODY_TOO_LARGE = PAYLOAD_TOO_LARGE, "body-too-large", "Body too large";
    /// The body has a content encoding other than identity.
    ENCODING_UNSUPPORTED = UNSUPPORTED_MEDIA_TYPE, "encoding-unsupported", "Content encoding not supported";
    /// Something is wrong on this side; the log says what.
    INTERNAL = INTERNAL_SERVER_ERROR, "internal", "Internal error";
    /// A store cannot be reached.
    STORE_UNAVAILABLE = SERVICE_UNAVAILABLE, "store-unavailable", "Store unavailable";
    /// Who is signed in could not be found out; nothing has happened.
    SESSION_UNKNOWN = SERVICE_UNAVAILABLE, "session-unknown", "Session could not be looked up";
    /// The call was made, and its events could not be stored.
    EVENTS_LOST = SERVICE_UNAVAILABLE, "events-lost", "Done, but its events are lost";
    /// The keys that the caller's proof is checked with cannot be had.
    KEYS_UNAVAILABLE = SERVICE_UNAVAILABLE, "keys-unavailable", "Keys unavailable";
}

impl ProblemKind {
    /// Returns the status code of the answer.
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

/// One occurrence of a problem; answers as `application/problem+json`.
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

    /// Sets the `detail` member. It is shown to the caller: no secret and no cause belongs in it.
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

    /// Returns the answer: status, headers and JSON body.
    #[must_use]
    pub fn to_response(&self) -> Response<Bytes> {
        let wire = Wire {
            r#type: format!("urn:tower-auth-sync:problem:{}", self.kind.slug),
            title: self.kind.title,
            status: self.kind.status.as_u16(),
            detail: self.detail.as_deref(),
        };
        // Strings and one integer cannot fail to serialize; an empty body is still a valid answer.
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
