//! What a rule sees: one request, its answer, and who was signed in before it.

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode, request, response};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::lenient;
use super::sessions::ActiveSession;

/// A request and its answer, as a [rule](super::RouteRules) sees them.
///
/// A body is shown as JSON; [`Value::Null`] stands for a body that is empty, longer than the cap,
/// of another media type, content-encoded, or broken off. A form is shown as an object of texts.
///
/// JSON is read as JavaScript reads it: bytes that are not UTF-8 and escaped halves of surrogate
/// pairs are U+FFFD, of a name given twice the last counts. Numbers out of the range of an `f64`,
/// and what is nested deeper than 64 arrays and objects, are shown as `null`.
pub struct Exchange {
    request: request::Parts,
    request_json: Value,
    response: response::Parts,
    response_json: Value,
    session: Option<ActiveSession>,
    session_after: Option<ActiveSession>,
}

impl Exchange {
    pub(super) fn new(
        request: request::Parts,
        request_body: Option<&Bytes>,
        response: response::Parts,
        response_body: Option<&Bytes>,
    ) -> Self {
        Self {
            request_json: sent(&request.headers, request_body),
            request,
            response_json: answered(&response.headers, response_body),
            response,
            session: None,
            session_after: None,
        }
    }

    pub(super) fn with_sessions(
        mut self,
        before: Option<ActiveSession>,
        after: Option<ActiveSession>,
    ) -> Self {
        self.session = before;
        self.session_after = after;
        self
    }

    /// Returns the request's method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.request.method
    }

    /// Returns the request's path, as the layer saw it: a router that nests strips its prefix.
    #[must_use]
    pub fn path(&self) -> &str {
        self.request.uri.path()
    }

    /// Returns the first value of a query parameter, decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.query_pairs()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    pub(super) fn query_pairs(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let query = self.request.uri.query().unwrap_or_default();
        form_urlencoded::parse(query.as_bytes()).into_owned()
    }

    /// Returns the request's headers.
    #[must_use]
    pub const fn request_headers(&self) -> &HeaderMap {
        &self.request.headers
    }

    /// Returns the request's body.
    #[must_use]
    pub const fn request_json(&self) -> &Value {
        &self.request_json
    }

    /// Returns the answer's status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.response.status
    }

    /// Returns the answer's headers.
    #[must_use]
    pub const fn response_headers(&self) -> &HeaderMap {
        &self.response.headers
    }

    /// Returns the answer's body.
    #[must_use]
    pub const fn response_json(&self) -> &Value {
        &self.response_json
    }

    /// Returns who was signed in when the request came, if the rule asked for it and somebody was.
    #[must_use]
    pub const fn session(&self) -> Option<&ActiveSession> {
        self.session.as_ref()
    }

    /// Returns the session as it is after the call, if the rule asked for it and it still lives.
    #[must_use]
    pub const fn session_after(&self) -> Option<&ActiveSession> {
        self.session_after.as_ref()
    }
}

/// Shows the route and the outcome, and nothing of headers and bodies.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("method", self.method())
            .field("path", &self.path())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

/// What a server makes of a request's body: whatever is not a form is tried as JSON, since servers
/// differ in which media types they take for it.
fn sent(headers: &HeaderMap, body: Option<&Bytes>) -> Value {
    match (Form::of(headers), body) {
        (_, None) => Value::Null,
        (Some(Form::Urlencoded), Some(body)) => fields(body),
        (_, Some(body)) => lenient::read(body).unwrap_or_default(),
    }
}

fn answered(headers: &HeaderMap, body: Option<&Bytes>) -> Value {
    match (Form::of(headers), body.filter(|body| !body.is_empty())) {
        (None, _) | (_, None) => Value::Null,
        (Some(Form::Urlencoded), Some(body)) => fields(body),
        (Some(Form::Json), Some(body)) => lenient::read(body).unwrap_or_else(|error| {
            let (line, column) = (error.line(), error.column());
            tracing::error!(
                line,
                column,
                "a captured answer is not JSON: its rule does not see it, and its events are lost"
            );
            Value::Null
        }),
    }
}

fn fields(form: &[u8]) -> Value {
    let fields = form_urlencoded::parse(form).into_owned();
    let fields: Map<_, _> = fields.map(|(key, value)| (key, value.into())).collect();
    Value::Object(fields)
}

/// The media types that are worth reading.
pub(super) enum Form {
    Json,
    Urlencoded,
}

impl Form {
    /// A body without a media type is tried as JSON.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let Some(media_type) = headers.get(CONTENT_TYPE) else {
            return Some(Self::Json);
        };
        let media_type = media_type.to_str().ok()?.to_ascii_lowercase();
        match media_type.split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => Some(Self::Urlencoded),
            json if json == "application/json" || json.ends_with("+json") => Some(Self::Json),
            _ => None,
        }
    }
}
