//! Exchanges recorded with a Better Auth 1.7 server, and a service that answers with them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{COOKIE, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One request and the answer that the real server gave.
#[derive(Clone, Deserialize)]
pub(crate) struct Exchange {
    /// The events that the exchange means.
    pub(crate) events: Vec<String>,
    pub(crate) request: Recorded,
    pub(crate) response: Answered,
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
pub(crate) struct Answered {
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

    pub(crate) fn answer_body(&self) -> Bytes {
        let body = self.response.body.as_ref();
        body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()))
    }

    fn answer(&self) -> Result<Response, http::Error> {
        let mut response = Response::new(Body::from(self.answer_body()));
        *response.status_mut() = StatusCode::from_u16(self.response.status)?;
        for (name, value) in &self.response.headers {
            // The recording's framing is not ours.
            if name != "transfer-encoding" && name != "content-length" {
                let name = HeaderName::from_bytes(name.as_bytes())?;
                response
                    .headers_mut()
                    .append(name, HeaderValue::from_str(value)?);
            }
        }
        Ok(response)
    }
}

/// The cookie that the sign-up set; recordings hold the token in the body only.
pub(crate) fn session_cookie(day: &[Exchange]) -> Result<HeaderValue, InvalidHeaderValue> {
    let sign_up = day
        .iter()
        .find_map(|exchange| exchange.response.body.as_ref());
    let token = sign_up
        .and_then(|body| body["token"].as_str())
        .unwrap_or_default();
    HeaderValue::try_from(format!("{SESSION_COOKIE}={token}.signature"))
}

const SESSION_COOKIE: &str = "better-auth.session_token";

/// The auth service: answers what was recorded for the same method, path and body.
pub(crate) fn auth_service(day: &[Exchange]) -> Router {
    let mut service = Service::default();
    for exchange in day {
        let key = (
            exchange.method(),
            exchange.request.path.clone(),
            exchange.body(),
        );
        service
            .answers
            .entry(key)
            .or_default()
            .push_back(exchange.clone());
    }
    let service = Arc::new(Mutex::new(service));
    Router::new().fallback(move |method, uri, headers, body| async move {
        let mut service = service.lock().unwrap_or_else(PoisonError::into_inner);
        let exchange = service.answer(method, &uri, &headers, body);
        let answer = exchange.and_then(|exchange| exchange.answer().ok());
        answer.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
    })
}

#[derive(Default)]
struct Service {
    /// Answers to the same request, in the order in which they were recorded; the last one stays.
    answers: HashMap<(Method, String, Bytes), VecDeque<Exchange>>,
    /// What `update-user` changed since the session was recorded.
    updated: Map<String, Value>,
}

impl Service {
    fn answer(
        &mut self,
        method: Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Option<Exchange> {
        let update = serde_json::from_slice(&body).unwrap_or_default();
        let queue = self
            .answers
            .get_mut(&(method, uri.path().to_owned(), body))?;
        let mut exchange = if queue.len() > 1 {
            queue.pop_front()?
        } else {
            queue.front()?.clone()
        };
        match uri.path() {
            "/api/auth/update-user" => self.updated = update,
            "/api/auth/get-session" if headers.contains_key(COOKIE) => self.patch(&mut exchange),
            // Nobody is signed in without the cookie.
            "/api/auth/get-session" => exchange.response.body = Some(Value::Null),
            _ => {}
        }
        Some(exchange)
    }

    fn patch(&self, session: &mut Exchange) {
        let body = session.response.body.as_mut();
        if let Some(Value::Object(user)) = body.and_then(|body| body.get_mut("user")) {
            user.extend(self.updated.clone());
        }
    }
}
