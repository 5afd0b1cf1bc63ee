//! The request's form, and its body, before anybody says that it is genuine.

use std::error::Error;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderMap, Method};
use http_body::Body;
use http_body_util::LengthLimitError;

use super::rejection::RefusalReason;
use crate::body::{BoxError, CollectError, Limits, collect};
use crate::signature::{SignedHeaders, Verified, Verifier, VerifyError};

/// Points 1 to 3 of the order of checks.
pub(super) fn check_head(
    parts: &Parts,
    least_length: u64,
    cap: usize,
) -> Result<(), RefusalReason> {
    if parts.method != Method::POST {
        return Err(RefusalReason::Method);
    }
    if !is_identity(&parts.headers) {
        return Err(RefusalReason::ContentEncoding);
    }
    let length = declared_length(&parts.headers).unwrap_or(0);
    if length.max(least_length) > cap as u64 {
        return Err(RefusalReason::BodyTooLarge);
    }
    Ok(())
}

/// Reads the body and judges it while it comes: points 7 and 8 of the order of checks.
pub(super) async fn read<B>(
    verifier: &Verifier,
    signed: &SignedHeaders<'_>,
    body: B,
    limits: Limits,
) -> Result<(Result<Verified, VerifyError>, Bytes), RefusalReason>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let (mut check, lead) = verifier.begin_kept_body(signed);
    let start = lead.len();
    let kept = collect(lead, body, limits, |piece| check.update(piece)).await;
    let mut kept = kept.map_err(|err| unread(&err))?;
    let verdict = check.finish_kept(&kept);
    Ok((verdict, kept.split_off(start)))
}

/// Reads the body of a request that is refused already, for the [doctor](super::doctor).
pub(super) async fn read_unjudged<B>(body: B, limits: Limits) -> Result<Bytes, RefusalReason>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let read = collect(Vec::new(), body, limits, |_piece| {}).await;
    read.map_err(|err| unread(&err))
}

fn is_identity(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    values.all(|value| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn unread(err: &CollectError) -> RefusalReason {
    match err {
        CollectError::TooLarge => RefusalReason::BodyTooLarge,
        CollectError::Timeout => RefusalReason::BodyTimeout,
        CollectError::Read(cause) if is_length_limit(&**cause) => RefusalReason::BodyTooLarge,
        CollectError::Read(_) => RefusalReason::BodyIncomplete,
    }
}

/// A limit outside this layer, such as `DefaultBodyLimit`, cut the body off.
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
