//! Reads a body within a limit and a timeout, in the only loop that reads bodies.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tokio::task::coop::consume_budget;

use super::buffer::BodyBuffer;
use crate::base::error::BoxError;

/// Reason why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the body exceeds the limit")]
    TooLarge,
    #[error("the body did not end before the timeout")]
    Timeout,
    #[error("the body could not be read")]
    Broken(#[source] BoxError),
}

/// Limits for reading a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// Largest body, in bytes.
    pub(crate) limit: usize,
    /// Time from now to the end of the body.
    pub(crate) timeout: Duration,
}

/// Reads the whole `body` within `limits`, and passes each chunk to `on_chunk` as it arrives.
///
/// A body of one data frame is returned without a copy. This holds the
/// current frame, the first frame until the second arrives, and at most the limit and 24 KiB. With a
/// limit above 16 MiB and an unknown length it may hold half as much again. Trailers are dropped.
pub(crate) async fn collect<B>(
    body: B,
    limits: BodyLimits,
    mut on_chunk: impl FnMut(&[u8]),
) -> Result<Bytes, ReadError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut reading = pin!(async move {
        let mut buffer = BodyBuffer::new(limits.limit, body.size_hint().upper());
        let mut body = pin!(body);
        while let Some(mut data) = next_data(body.as_mut(), |_trailers| {})
            .await
            .map_err(|err| ReadError::Broken(err.into()))?
        {
            let length = data.remaining();
            if length > buffer.room() {
                return Err(ReadError::TooLarge);
            }
            let chunk = data.copy_to_bytes(length);
            on_chunk(&chunk);
            buffer.push(chunk);
        }
        Ok(buffer.finish())
    });
    // Most bodies are already complete: they need no timer.
    if let Poll::Ready(read) = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
        return read;
    }
    // Boxed, since few bodies need it.
    Box::pin(tokio::time::timeout(limits.timeout, reading))
        .await
        .map_err(|_elapsed| ReadError::Timeout)?
}

/// Reads up to `limit` bytes of `body` and drops the rest.
///
/// Copies them: what is kept for long must not hold the read buffer of a connection.
#[cfg(feature = "emit")]
pub(crate) async fn read_up_to<B: Body>(body: B, limit: usize) -> Result<Bytes, B::Error> {
    let mut body = pin!(body);
    let mut kept = Vec::new();
    while kept.len() < limit
        && let Some(data) = next_data(body.as_mut(), |_trailers| {}).await?
    {
        let room = limit - kept.len();
        bytes::BufMut::put(&mut kept, data.take(room));
    }
    Ok(kept.into())
}

/// Returns the next data of `body`, or `None` at its end; hands its trailers to `on_trailers`.
///
/// Cancel safe: a dropped future has taken nothing from the body.
pub(super) async fn next_data<B: Body>(
    mut body: Pin<&mut B>,
    mut on_trailers: impl FnMut(HeaderMap),
) -> Result<Option<B::Data>, B::Error> {
    loop {
        // Frames that are always ready would keep the timer from being polled.
        consume_budget().await;
        match body.frame().await.transpose()?.map(Frame::into_data) {
            None => return Ok(None),
            Some(Ok(data)) if data.has_remaining() => return Ok(Some(data)),
            Some(Ok(_empty)) => {}
            Some(Err(frame)) => {
                if let Ok(trailers) = frame.into_trailers() {
                    on_trailers(trailers);
                }
            }
        }
    }
}
