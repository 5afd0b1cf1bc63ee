//! Properties of the emitting layer.

use http::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};

use crate::base::error::BoxError;
use crate::send::better_auth::BetterAuthRoutes;
use crate::send::emit::Exchange;
use crate::send::emit::RouteRules as _;
use crate::send::emit::is_documented;
use crate::send::emit::{Secrets, is_id};
use crate::session::ActiveSession;
use crate::wire::json::lenient;

/// Reads `sent`, plain and packed in a text, and `answered` as an exchange on `path`, with and without
/// a session, and returns the payloads.
pub(crate) fn payloads(path: &str, sent: &Value, answered: &Value) -> Vec<Value> {
    let packed = json!({"metadata": sent.to_string()});
    let mut payloads = Vec::new();
    for (method, sent) in [
        (Method::GET, sent),
        (Method::POST, sent),
        (Method::POST, &packed),
    ] {
        let session = ActiveSession::from_json(answered);
        let Some(seen) = exchange(method, path, sent, answered) else {
            continue;
        };
        let seen = seen.with_sessions(session.clone(), session);
        let nobody = |_: HeaderMap| async { Ok::<Option<ActiveSession>, BoxError>(None) };
        let rules = BetterAuthRoutes::new(nobody).base_path("");
        let secrets = Secrets::of(&seen);
        let events = rules.events(&seen).into_iter();
        payloads.extend(events.map(|it| Value::Object(secrets.scrub(it).data().clone())));
    }
    payloads
}

fn exchange(method: Method, path: &str, sent: &Value, answered: &Value) -> Option<Exchange> {
    let request = Request::builder().method(method).uri(path).body(()).ok()?;
    Some(Exchange::new(
        request.into_parts().0,
        sent.clone(),
        Response::new(()).into_parts().0,
        answered.clone(),
    ))
}

/// A request that contains `secret`.
pub(crate) fn with_secret(secret: &str) -> Value {
    json!({"password": secret, "token": "another-secret-token"})
}

/// Returns whether a top-level field of a payload may repeat a value of the request.
pub(crate) fn is_public(key: &str, value: &Value) -> bool {
    let plain = !value.is_array() && !value.is_object();
    plain && (is_id(key) || is_documented(key))
}

/// See `fuzzing::captured_json`.
pub(crate) fn lenient(body: &[u8]) {
    let read = lenient::read(body);
    if let Ok(value) = &read {
        assert!(levels(value) <= lenient::MAX_LEVELS);
    }
    if let Ok(plain) = serde_json::from_slice::<Value>(body)
        && levels(&plain) <= lenient::MAX_LEVELS
    {
        assert_eq!(read.ok(), Some(plain));
    }
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}
