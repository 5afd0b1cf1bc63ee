//! Reading what a rule is to see, and handing on all of it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, Request, Response};
use http_body::Body;
use serde_json::Value;

use super::exchange;
use super::exchange::Form;
use super::rules::{BodyUse, Capture};
use super::settings::Settings;
use crate::http::body::{BodyLimits, BufferError, BufferedBody};
use crate::wire::problem::{Problem, ProblemKind};

/// How long a captured request's body may take: the limit that `VerifyWebhookLayer` has, too.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a rule cannot see a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Body(#[from] BufferError),
    #[error("the body is content-encoded")]
    Encoded,
    #[error("the body is not JSON")]
    NotJson,
}

/// Reads a request's body. A rule that goes by it must see it: a caller who could keep it from the
/// rule, but not from the server, could hide an event.
pub(super) async fn request<B: Body<Data = Bytes>>(
    settings: &Settings,
    how: &Capture,
    mut request: Request<B>,
) -> Result<(Request<BufferedBody<B>>, Value), Problem> {
    if !how.is_named() {
        return Ok((request.map(BufferedBody::untouched), Value::Null));
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
        let body = BufferedBody::untouched(body);
        return Ok((Request::from_parts(parts, body), Value::Null));
    }
    let limits = BodyLimits {
        limit: settings.body_limit,
        timeout: REQUEST_TIMEOUT,
    };
    let (body, seen) = BufferedBody::read(body, limits).await;
    let seen = match seen {
        Ok(bytes) => exchange::sent(&parts.headers, &bytes),
        Err(BufferError::Timeout) => return Err(Problem::new(ProblemKind::BODY_TIMEOUT)),
        Err(BufferError::TooLarge) if how.reads_request => {
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
) -> (Response<BufferedBody<B>>, Result<Value, Unreadable>) {
    let (parts, body) = response.into_parts();
    let needed = match how.body {
        BodyUse::None => false,
        BodyUse::IfJson => Form::of(&parts.headers).is_some(),
        BodyUse::Json | BodyUse::JsonOrSession => parts.status.is_success(),
    };
    let coded = encoded(&parts.headers) && !body.is_end_stream();
    if !needed || coded {
        let seen = if needed {
            Err(Unreadable::Encoded)
        } else {
            Ok(Value::Null)
        };
        return (
            Response::from_parts(parts, BufferedBody::untouched(body)),
            seen,
        );
    }
    let limits = BodyLimits {
        limit: settings.body_limit,
        timeout: settings.response_timeout,
    };
    let (body, seen) = BufferedBody::read(body, limits).await;
    let json = |bytes: Bytes| exchange::answered(&parts.headers, &bytes).ok_or(Unreadable::NotJson);
    let seen = seen.map_err(Unreadable::from).and_then(json);
    (Response::from_parts(parts, body), seen)
}

fn encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}
