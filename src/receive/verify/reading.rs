//! Reads and checks the head and the body of a request.

use std::error::Error;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderMap, Method};
use http_body::Body;
use http_body_util::LengthLimitError;

use super::rejection::WebhookRejection;
use crate::base::error::BoxError;
use crate::http::body::{BodyLimits, ReadError, collect};
use crate::wire::signature::{CheckedHeaders, SignatureMatch, Verifier, VerifyError};

/// Checks points 1 to 3 of the order of checks.
pub(super) fn check_head(
    parts: &Parts,
    least_length: u64,
    limit: usize,
) -> Result<(), WebhookRejection> {
    if parts.method != Method::POST {
        return Err(WebhookRejection::Method);
    }
    if !is_identity(&parts.headers) {
        return Err(WebhookRejection::ContentEncoding);
    }
    let length = declared_length(&parts.headers).unwrap_or(0);
    if length.max(least_length) > limit as u64 {
        return Err(WebhookRejection::BodyTooLarge);
    }
    Ok(())
}

/// Reads the body and checks each chunk as it arrives: points 7 and 8 of the order of checks.
pub(super) async fn read<B>(
    verifier: &Verifier,
    signed: &CheckedHeaders<'_>,
    body: B,
    limits: BodyLimits,
) -> Result<(Result<SignatureMatch, VerifyError>, Bytes), WebhookRejection>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut check = verifier.begin_body(signed);
    let body = collect(body, limits, |chunk| check.update(chunk)).await;
    let body = body.map_err(|err| unread(&err))?;
    Ok((check.finish(), body))
}

/// Reads the body of a refused request, for the [doctor](super::doctor).
pub(super) async fn read_unchecked<B>(
    body: B,
    limits: BodyLimits,
) -> Result<Bytes, WebhookRejection>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let read = collect(body, limits, |_chunk| {}).await;
    read.map_err(|err| unread(&err))
}

fn is_identity(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    values.all(|value| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn unread(err: &ReadError) -> WebhookRejection {
    match err {
        ReadError::TooLarge => WebhookRejection::BodyTooLarge,
        ReadError::Timeout => WebhookRejection::BodyTimeout,
        ReadError::Broken(cause) if is_length_limit(&**cause) => WebhookRejection::BodyTooLarge,
        ReadError::Broken(_) => WebhookRejection::BodyIncomplete,
    }
}

/// Returns whether a limit outside this layer, such as `DefaultBodyLimit`, truncated the body.
fn is_length_limit(err: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(err);
    while let Some(err) = cause {
        if err.is::<LengthLimitError>() {
            return true;
        }
        cause = err.source();
    }
    false
}
