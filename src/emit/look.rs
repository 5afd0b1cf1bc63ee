//! Reading what a rule is to see, and handing on all of it.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Request, Response};
use http_body::Body;

use super::body::{CapturedBody, Unseen};
use super::exchange::Form;
use super::layer::Settings;
use super::rules::Capture;
use crate::problem::{Problem, ProblemKind};

/// How long a captured request's body may take: the limit that `VerifyWebhookLayer` has, too.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Reads a request's body. A rule that goes by it must see it: a caller who could keep it from the
/// rule, but not from the server, could hide an event.
pub(super) async fn request<B: Body<Data = Bytes>>(
    settings: &Settings,
    how: &Capture,
    request: Request<B>,
) -> Result<(Request<CapturedBody<B>>, Option<Bytes>), Problem> {
    let (parts, body) = request.into_parts();
    let coded = encoded(&parts.headers);
    if coded && how.reads_request && !body.is_end_stream() {
        return Err(Problem::new(ProblemKind::ENCODING_UNSUPPORTED));
    }
    if coded || (!how.reads_request && Form::of(&parts.headers).is_none()) {
        let body = CapturedBody::untouched(body);
        return Ok((Request::from_parts(parts, body), None));
    }
    let (body, seen) = CapturedBody::read(body, settings.body_cap, BODY_DEADLINE).await;
    let seen = match seen {
        Ok(bytes) => Some(bytes),
        Err(Unseen::TooLate) => return Err(Problem::new(ProblemKind::BODY_TIMEOUT)),
        Err(Unseen::TooLong) if how.reads_request => {
            return Err(Problem::new(ProblemKind::BODY_TOO_LARGE));
        }
        Err(Unseen::TooLong | Unseen::BrokenOff) => None,
    };
    Ok((Request::from_parts(parts, body), seen))
}

/// Reads the body of an answer with a captured status, if a rule can make something of it.
pub(super) async fn answer<B: Body<Data = Bytes>>(
    settings: &Settings,
    response: Response<B>,
) -> (Response<CapturedBody<B>>, Option<Bytes>) {
    let (parts, body) = response.into_parts();
    if encoded(&parts.headers) {
        tracing::error!(
            "a captured answer is content-encoded: its rule does not see it, and its events are lost"
        );
    }
    if encoded(&parts.headers) || Form::of(&parts.headers).is_none() {
        let body = CapturedBody::untouched(body);
        return (Response::from_parts(parts, body), None);
    }
    let reading = CapturedBody::read(body, settings.body_cap, settings.answer_deadline);
    let (body, seen) = reading.await;
    if let Err(why) = seen {
        tracing::error!(
            ?why,
            "a captured answer was not read whole: its rule does not see it, and its events are lost"
        );
    }
    (Response::from_parts(parts, body), seen.ok())
}

fn encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}
