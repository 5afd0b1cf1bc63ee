//! Reads the bodies that a rule sees, and passes them on whole.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, Request, Response};
use http_body::Body;
use serde_json::Value;

use super::exchange::{self, BodyForm};
use super::rules::{BodyUse, Capture};
use super::settings::EmitSettings;
use crate::http::body::{BodyLimits, BufferError, BufferedBody};
use crate::wire::problem::{Problem, ProblemKind};

/// Why a rule cannot see a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum UnreadableBody {
    #[error(transparent)]
    Body(#[from] BufferError),
    #[error("the body is content-encoded")]
    Encoded,
    #[error("the body is not JSON")]
    NotJson,
}

/// Reads a request's body. A rule that depends on the body must see it: a caller who hides it from the
/// rule, but not from the server, would hide an event.
pub(super) async fn read_request<B: Body<Data = Bytes>>(
    settings: &EmitSettings,
    capture: &Capture,
    mut request: Request<B>,
) -> Result<(Request<BufferedBody<B>>, Value), Problem> {
    if !capture.is_named() {
        return Ok((request.map(BufferedBody::untouched), Value::Null));
    }
    if capture.body != BodyUse::None {
        // The layer reads the response.
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    let (parts, body) = request.into_parts();
    let encoded = is_encoded(&parts.headers);
    if encoded && capture.reads_request && !body.is_end_stream() {
        return Err(Problem::new(ProblemKind::ENCODING_UNSUPPORTED));
    }
    if encoded || (!capture.reads_request && BodyForm::of(&parts.headers).is_none()) {
        let body = BufferedBody::untouched(body);
        return Ok((Request::from_parts(parts, body), Value::Null));
    }
    let limits = BodyLimits {
        limit: settings.body_limit,
        timeout: REQUEST_TIMEOUT,
    };
    let (body, json) = BufferedBody::read(body, limits).await;
    let json = match json {
        Ok(bytes) => exchange::request_json(&parts.headers, &bytes),
        Err(BufferError::Timeout) => return Err(Problem::new(ProblemKind::BODY_TIMEOUT)),
        Err(BufferError::TooLarge) if capture.reads_request => {
            return Err(Problem::new(ProblemKind::BODY_TOO_LARGE));
        }
        Err(_not_needed) => Value::Null,
    };
    Ok((Request::from_parts(parts, body), json))
}

/// Reads the body of a captured response, if its rule needs the body.
pub(super) async fn read_response<B: Body<Data = Bytes>>(
    settings: &EmitSettings,
    capture: &Capture,
    response: Response<B>,
) -> (Response<BufferedBody<B>>, Result<Value, UnreadableBody>) {
    let (parts, body) = response.into_parts();
    let needed = match capture.body {
        BodyUse::None => false,
        BodyUse::IfJson => BodyForm::of(&parts.headers).is_some(),
        BodyUse::Json | BodyUse::JsonOrSession => parts.status.is_success(),
    };
    let encoded = is_encoded(&parts.headers) && !body.is_end_stream();
    if !needed || encoded {
        let json = if needed {
            Err(UnreadableBody::Encoded)
        } else {
            Ok(Value::Null)
        };
        return (
            Response::from_parts(parts, BufferedBody::untouched(body)),
            json,
        );
    }
    let limits = BodyLimits {
        limit: settings.body_limit,
        timeout: settings.response_timeout,
    };
    let (body, json) = BufferedBody::read(body, limits).await;
    let parse = |bytes: Bytes| {
        exchange::response_json(&parts.headers, &bytes).ok_or(UnreadableBody::NotJson)
    };
    let json = json.map_err(UnreadableBody::from).and_then(parse);
    (Response::from_parts(parts, body), json)
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Timeout of a captured request's body, as in `VerifyWebhookLayer`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
