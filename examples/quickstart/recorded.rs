//! Exchanges recorded with a Better Auth 1.7 server, and a service that responds with them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{COOKIE, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;
use serde_json::Value;

/// One request and the response of the real server.
#[derive(Clone, Deserialize)]
pub(crate) struct Exchange {
    /// The events that the exchange means.
    pub(crate) events: Vec<String>,
    /// Those that it may mean besides.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    pub(crate) request: Recorded,
    pub(crate) response: RecordedResponse,
    /// The session, as `get-session` returned it.
    session_before: Value,
    session_after: Value,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names only.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: Option<Value>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct RecordedResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
}

macro_rules! recorded {
    ($($file:literal),* $(,)?) => {
        [$(include_str!(concat!("../../tests/data/better-auth/", $file, ".json"))),*]
    };
}

/// A day in the life of an auth service, in the order in which it was recorded.
const DAY: [&str; 13] = recorded![
    "01-sign-up-email",
    "02-sign-up-email-taken",
    "05-get-session",
    "07-sign-in-email",
    "08-sign-in-email-wrong-password",
    "19-update-user",
    "38-sign-up-email-username",
    "44-organization-create",
    "48-organization-invite-member",
    "75-admin-create-user",
    "76-admin-ban-user",
    "13-sign-out",
    "39-sign-in-username",
];

pub(crate) fn day() -> Result<Vec<Exchange>, serde_json::Error> {
    DAY.iter().map(|text| serde_json::from_str(text)).collect()
}

impl Exchange {
    pub(crate) fn method(&self) -> Method {
        self.request.method.parse().unwrap_or(Method::POST)
    }

    pub(crate) fn body(&self) -> Bytes {
        let body = self.request.body.as_ref();
        body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()))
    }

    /// The cookie that the request came with.
    pub(crate) fn cookie(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        let token = token(&self.session_before).unwrap_or_default();
        HeaderValue::try_from(format!("{SESSION_COOKIE}={token}.signature"))
    }

    pub(crate) fn response_body(&self) -> Bytes {
        let body = self.response.body.as_ref();
        body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()))
    }

    fn to_response(&self) -> Result<Response, http::Error> {
        let mut response = Response::new(Body::from(self.response_body()));
        *response.status_mut() = StatusCode::from_u16(self.response.status)?;
        for (name, value) in &self.response.headers {
            // The recording's framing is not ours.
            if name != "transfer-encoding" && name != "content-length" {
                let name = HeaderName::from_bytes(name.as_bytes())?;
                let token = token(&self.session_after).unwrap_or_default();
                let value = value.replace(REDACTED, &format!("{token}.signature"));
                response
                    .headers_mut()
                    .append(name, HeaderValue::try_from(value)?);
            }
        }
        Ok(response)
    }
}

const SESSION_COOKIE: &str = "better-auth.session_token";
/// What stands in a recording for a cookie's value.
const REDACTED: &str = "REDACTED";

/// The token of a session as `get-session` shows it.
fn token(session: &Value) -> Option<&str> {
    session["session"]["token"].as_str()
}

/// The auth service: responds as recorded for the same method, path and body, and who is signed
/// in as the real server did.
pub(crate) fn auth_service(day: &[Exchange]) -> Router {
    let mut service = Service::default();
    for exchange in day {
        let key = (
            exchange.method(),
            exchange.request.path.clone(),
            exchange.body(),
        );
        service.met(&exchange.session_before);
        service
            .responses
            .entry(key)
            .or_default()
            .push_back(exchange.clone());
    }
    let service = Arc::new(Mutex::new(service));
    Router::new().fallback(move |method, uri: Uri, headers, body| async move {
        let mut service = service.lock().unwrap_or_else(PoisonError::into_inner);
        if uri.path() == "/api/auth/get-session" && uri.query().is_some() {
            return axum::Json(service.signed_in(&headers)).into_response();
        }
        let exchange = service.respond(method, &uri, body);
        let response = exchange.and_then(|exchange| exchange.to_response().ok());
        response.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
    })
}

#[derive(Default)]
struct Service {
    /// Responses to the same request, in the order of the recording; the last one stays.
    responses: HashMap<(Method, String, Bytes), VecDeque<Exchange>>,
    /// Who is signed in, by the session's token.
    sessions: HashMap<String, Value>,
}

impl Service {
    /// Takes over a session that was opened before the day began.
    fn met(&mut self, session: &Value) {
        if let Some(token) = token(session) {
            let session = session.clone();
            self.sessions.entry(token.to_owned()).or_insert(session);
        }
    }

    fn signed_in(&self, headers: &HeaderMap) -> Value {
        let cookie = headers.get(COOKIE).and_then(|it| it.to_str().ok());
        let session = cookie
            .and_then(|it| it.strip_prefix(SESSION_COOKIE)?.strip_prefix('='))
            .and_then(|it| self.sessions.get(it.split('.').next()?));
        session.cloned().unwrap_or_default()
    }

    fn respond(&mut self, method: Method, uri: &Uri, body: Bytes) -> Option<Exchange> {
        let queue = self
            .responses
            .get_mut(&(method, uri.path().to_owned(), body))?;
        let exchange = if queue.len() > 1 {
            queue.pop_front()?
        } else {
            queue.front()?.clone()
        };
        let after = token(&exchange.session_after);
        if let Some(ended) = token(&exchange.session_before).filter(|it| Some(*it) != after) {
            self.sessions.remove(ended);
        }
        if let Some(token) = after {
            let session = exchange.session_after.clone();
            self.sessions.insert(token.to_owned(), session);
        }
        Some(exchange)
    }
}
