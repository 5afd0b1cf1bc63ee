//! Reading what a rule is to see, and handing on all of it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, Request, Response};
use http_body::Body;
use serde_json::Value;

use super::body::{CapturedBody, Unseen};
use super::exchange::{self, Form};
use super::layer::Settings;
use super::rules::{BodyUse, Capture};
use crate::problem::{Problem, ProblemKind};

/// How long a captured request's body may take: the limit that `VerifyWebhookLayer` has, too.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Reads a request's body. A rule that goes by it must see it: a caller who could keep it from the
/// rule, but not from the server, could hide an event.
pub(super) async fn request<B: Body<Data = Bytes>>(
    settings: &Settings,
    how: &Capture,
    mut request: Request<B>,
) -> Result<(Request<CapturedBody<B>>, Value), Problem> {
    if !how.is_named() {
        return Ok((request.map(CapturedBody::untouched), Value::Null));
    }
    if how.body != BodyUse::None {
        // The response is to be read.
        request.headers_mut().remove(ACCEPT_ENCODING);
    }
    let (parts, body) = request.into_parts();
    let coded = encoded(&parts.headers);
    if coded && how.reads_request && !body.is_end_stream() {
        return Err(Problem::new(ProblemKind::ENCODING_UNSUPPORTED));
    }
    if coded || (!how.reads_request && Form::of(&parts.headers).is_none()) {
        let body = CapturedBody::untouched(body);
        return Ok((Request::from_parts(parts, body), Value::Null));
    }
    let (body, seen) = CapturedBody::read(body, settings.body_cap, BODY_DEADLINE).await;
    let seen = match seen {
        Ok(bytes) => exchange::sent(&parts.headers, &bytes),
        Err(Unseen::TooLate) => return Err(Problem::new(ProblemKind::BODY_TIMEOUT)),
        Err(Unseen::TooLong) if how.reads_request => {
            return Err(Problem::new(ProblemKind::BODY_TOO_LARGE));
        }
        Err(_not_needed) => Value::Null,
    };
    Ok((Request::from_parts(parts, body), seen))
}

/// Reads the body of a captured response, as far as its rule needs it.
pub(super) async fn response<B: Body<Data = Bytes>>(
    settings: &Settings,
    how: &Capture,
    response: Response<B>,
) -> (Response<CapturedBody<B>>, Result<Value, Unseen>) {
    let (parts, body) = response.into_parts();
    let needed = match how.body {
        BodyUse::None => false,
        BodyUse::IfJson => Form::of(&parts.headers).is_some(),
        BodyUse::Json | BodyUse::JsonOrSession => parts.status.is_success(),
    };
    let coded = encoded(&parts.headers) && !body.is_end_stream();
    if !needed || coded {
        let seen = if needed {
            Err(Unseen::Encoded)
        } else {
            Ok(Value::Null)
        };
        return (
            Response::from_parts(parts, CapturedBody::untouched(body)),
            seen,
        );
    }
    let reading = CapturedBody::read(body, settings.body_cap, settings.answer_deadline);
    let (body, seen) = reading.await;
    let json = |bytes: Bytes| exchange::answered(&parts.headers, &bytes).ok_or(Unseen::NotJson);
    let seen = seen.and_then(json);
    (Response::from_parts(parts, body), seen)
}

fn encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}
