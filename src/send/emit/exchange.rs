//! The input of a rule: one request, its response, and the sessions before and after.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use http::header::{CONTENT_TYPE, DATE};
use http::{HeaderMap, Method, Response, StatusCode, request, response};
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::base::clock::{UnixMillis, UnixTime};
use crate::queue::parse_http_date;
use crate::session::ActiveSession;
use crate::wire::event::time;
use crate::wire::json::lenient;

/// A request and its response, as a [rule](super::rules::RouteRules) sees them.
///
/// A body is JSON here; [`Value::Null`] stands for a body that is empty or of another media type, and
/// for a request body that the rule does not read. A form is an object of texts.
///
/// The layer reads JSON as JavaScript does: bytes that are not UTF-8 and escaped halves of surrogate
/// pairs become U+FFFD, and of a repeated name the last one counts. Numbers out of the range of an
/// `f64`, and values nested deeper than 64 arrays and objects, become `null`.
pub struct Exchange {
    pub(crate) request: request::Parts,
    pub(crate) request_json: Value,
    pub(crate) response: response::Parts,
    pub(crate) response_json: Value,
    pub(crate) session: Option<ActiveSession>,
    pub(crate) session_after: Option<ActiveSession>,
    /// The resource that [`Listing`](super::rules::Listing) names.
    pub(crate) listed: Option<Response<Value>>,
    /// The time of the call, by the server's clock.
    pub(crate) made: RangeInclusive<UnixMillis>,
    pub(crate) took: Duration,
}

#[cfg(any(test, fuzzing))]
impl Exchange {
    /// Makes an exchange without sessions, listing and time.
    pub(crate) fn new(
        request: request::Parts,
        request_json: Value,
        response: response::Parts,
        response_json: Value,
    ) -> Self {
        Self {
            request,
            request_json,
            response,
            response_json,
            session: None,
            session_after: None,
            listed: None,
            made: UnixMillis::EPOCH..=UnixMillis::EPOCH,
            took: Duration::ZERO,
        }
    }

    pub(crate) fn with_sessions(
        mut self,
        before: Option<ActiveSession>,
        after: Option<ActiveSession>,
    ) -> Self {
        self.session = before;
        self.session_after = after;
        self
    }
}

impl Exchange {
    /// Returns the request's method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.request.method
    }

    /// Returns the request's path, as the layer sees it: a router that nests strips its prefix.
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

    pub(crate) fn query_pairs(&self) -> impl Iterator<Item = (String, String)> + '_ {
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

    /// Returns the response's status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.response.status
    }

    /// Returns the response's headers.
    #[must_use]
    pub const fn response_headers(&self) -> &HeaderMap {
        &self.response.headers
    }

    /// Returns the response's body.
    #[must_use]
    pub const fn response_json(&self) -> &Value {
        &self.response_json
    }

    /// Returns the caller's session before the call, if the rule asked for it and there was one.
    #[must_use]
    pub const fn session(&self) -> Option<&ActiveSession> {
        self.session.as_ref()
    }

    /// Returns the caller's session after the call, if the rule asked for it and there is one.
    #[must_use]
    pub const fn session_after(&self) -> Option<&ActiveSession> {
        self.session_after.as_ref()
    }

    /// Returns the [listed](super::rules::Listing) resource, if the server responded 200.
    pub(crate) fn listing(&self) -> Option<&Value> {
        let listed = self.listed.as_ref()?;
        (listed.status() == StatusCode::OK).then_some(listed.body())
    }

    /// Returns whether a time of the server lies within the call. A session that the call opened gives
    /// the server's clock to the millisecond.
    pub(crate) fn was_made_at(&self, time: Option<&Value>, opened: Option<&Value>) -> bool {
        let Some(time) = time.and_then(time::read) else {
            return false;
        };
        let opened = opened.and_then(time::read);
        match opened.filter(|opened| self.made.contains(opened)) {
            Some(opened) => {
                let took = self.took + NEARBY;
                (opened.saturating_sub(took)..=opened.saturating_add(took)).contains(&time)
            }
            None => self.made.contains(&time),
        }
    }
}

/// Better Auth opens the session of a new user 0 to 3 ms after it creates the user.
const NEARBY: Duration = Duration::from_millis(10);

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

/// Reads a request's body as a server would: a form by its media type, any other body as JSON, since
/// servers differ in the media types that they take for JSON.
pub(crate) fn request_json(headers: &HeaderMap, body: &[u8]) -> Value {
    match BodyForm::of(headers) {
        Some(BodyForm::Urlencoded) => fields(body),
        _ => lenient::read(body).unwrap_or_default(),
    }
}

/// Reads a response's body, whatever its media type; `None` if it is not JSON.
pub(crate) fn response_json(headers: &HeaderMap, body: &[u8]) -> Option<Value> {
    match BodyForm::of(headers) {
        _ if body.is_empty() => Some(Value::Null),
        Some(BodyForm::Urlencoded) => Some(fields(body)),
        _ => lenient::read(body).ok(),
    }
}

/// Returns the time of a call that ended now, `took` after it began, by the server's clock, which its
/// `Date` shows. A `Date` has whole seconds, and some servers renew it once a second.
pub(crate) fn time_of_call(
    response: &HeaderMap,
    now: UnixMillis,
    took: Duration,
) -> RangeInclusive<UnixMillis> {
    const SECOND: Duration = Duration::from_secs(1);
    let date = response.get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(parse_http_date);
    let end = date.map_or(now, UnixTime::to_millis);
    end.saturating_sub(took + SECOND)..=end.saturating_add(2 * SECOND)
}

fn fields(form: &[u8]) -> Value {
    let fields = form_urlencoded::parse(form).into_owned();
    let fields: Map<_, _> = fields.map(|(key, value)| (key, value.into())).collect();
    Value::Object(fields)
}

/// The media types that the layer reads.
pub(crate) enum BodyForm {
    Json,
    Urlencoded,
}

impl BodyForm {
    /// Returns the form of a body; one without a media type counts as JSON.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
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
