//! The one loop that reads bodies, and reading one whole within a limit and a timeout.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::task::coop::consume_budget;

use super::buffer::BodyBuffer;
use crate::base::error::BoxError;

/// Why a body was not read whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the body exceeds the limit")]
    TooLarge,
    #[error("the body did not end before the timeout")]
    Timeout,
    #[error("the body could not be read")]
    Broken(#[source] BoxError),
}

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    /// In bytes.
    pub(crate) limit: usize,
    /// From now to the end of the body.
    pub(crate) timeout: Duration,
}

/// Reads `body` whole, within `limits`, and shows each chunk to `on_chunk` when it comes.
///
/// A body of one data frame is handed on without a copy. Besides the current frame, and the first
/// until the second is there, at most the limit and 24 KiB are held; with a limit above 16 MiB and a
/// body that does not announce its length, half as much again. Trailers are dropped.
pub(crate) async fn collect<B>(
    body: B,
    limits: BodyLimits,
    on_chunk: impl FnMut(&[u8]),
) -> Result<Bytes, ReadError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let buffer = BodyBuffer::new(limits.limit, body.size_hint().upper());
    let mut reading = pin!(collect_into(buffer, body, on_chunk));
    // Most bodies are there already: they need no timer.
    if let Poll::Ready(read) = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
        return read;
    }
    tokio::time::timeout(limits.timeout, reading)
        .await
        .map_err(|_elapsed| ReadError::Timeout)?
}

async fn collect_into<B>(
    mut buffer: BodyBuffer,
    body: B,
    mut on_chunk: impl FnMut(&[u8]),
) -> Result<Bytes, ReadError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut trailers = None;
    while let Some(chunk) = next_chunk(body.as_mut(), &mut trailers)
        .await
        .map_err(|err| ReadError::Broken(err.into()))?
    {
        if chunk.len() > buffer.room() {
            return Err(ReadError::TooLarge);
        }
        on_chunk(&chunk);
        buffer.push(chunk);
    }
    Ok(buffer.finish())
}

/// Reads up to `limit` bytes of `body`; the rest is dropped.
#[cfg(feature = "emit")]
pub(crate) async fn read_up_to<B: Body>(body: B, limit: usize) -> Result<Bytes, B::Error> {
    let mut body = pin!(body);
    let mut buffer = BodyBuffer::new(limit, body.size_hint().upper());
    let mut trailers = None;
    while buffer.room() > 0
        && let Some(mut chunk) = next_chunk(body.as_mut(), &mut trailers).await?
    {
        chunk.truncate(buffer.room());
        buffer.push(chunk);
    }
    Ok(buffer.finish())
}

/// Returns the next bytes of `body`, or `None` at its end; keeps its trailers.
pub(super) async fn next_chunk<B: Body>(
    mut body: Pin<&mut B>,
    trailers: &mut Option<HeaderMap>,
) -> Result<Option<Bytes>, B::Error> {
    loop {
        let frame = body.frame().await.transpose()?;
        // Frames that are always ready would keep the timer from being polled.
        consume_budget().await;
        match frame.map(|frame| frame.into_data()) {
            None => return Ok(None),
            Some(Ok(mut data)) if data.has_remaining() => {
                return Ok(Some(data.copy_to_bytes(data.remaining())));
            }
            Some(Ok(_empty)) => {}
            Some(Err(frame)) => *trailers = frame.into_trailers().ok().or(trailers.take()),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "emit")]
mod tests {
    use std::convert::Infallible;
    use std::task::Context;

    use http_body::Frame;
    use http_body_util::{Empty, Full, StreamBody};
    use tokio::sync::mpsc;

    use super::*;
    use crate::http::body::{BufferError, BufferedBody};

    const LONG: Duration = Duration::from_secs(10);

    fn frames(parts: &[&'static str]) -> impl Body<Data = Bytes, Error = Infallible> + use<> {
        let (send, mut receive) = mpsc::unbounded_channel();
        for part in parts {
            send.send(Ok(Frame::data(Bytes::from_static(part.as_bytes()))))
                .unwrap();
        }
        StreamBody::new(futures_lite(move |cx| receive.poll_recv(cx)))
    }

    struct PollFn<F>(F);

    fn futures_lite<T, F>(poll: F) -> PollFn<F>
    where
        F: FnMut(&mut Context<'_>) -> Poll<Option<T>> + Unpin,
    {
        PollFn(poll)
    }

    impl<T, F> futures_core::Stream for PollFn<F>
    where
        F: FnMut(&mut Context<'_>) -> Poll<Option<T>> + Unpin,
    {
        type Item = T;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
            (self.0)(cx)
        }
    }

    async fn read_whole<B>(body: B, cap: usize, deadline: Duration) -> Result<Bytes, ReadError>
    where
        B: Body<Error = Infallible>,
    {
        let limits = BodyLimits {
            limit: cap,
            timeout: deadline,
        };
        collect(body, limits, |_chunk| {}).await
    }

    #[tokio::test]
    async fn a_single_frame_is_not_copied() {
        let bytes = Bytes::from_static(b"abc");
        let read = read_whole(Full::new(bytes.clone()), 3, LONG).await.unwrap();
        assert_eq!(read.as_ptr(), bytes.as_ptr());
    }

    #[tokio::test]
    async fn frames_are_joined_up_to_the_cap() {
        let read = read_whole(frames(&["ab", "", "c"]), 3, LONG).await.unwrap();
        assert_eq!(read, "abc");
        let refused = read_whole(frames(&["ab", "cd"]), 3, LONG).await;
        assert!(matches!(refused, Err(ReadError::TooLarge)));
    }

    #[tokio::test]
    async fn an_empty_body_is_read_as_no_bytes() {
        let read = read_whole(Empty::<Bytes>::new(), 0, LONG).await.unwrap();
        assert!(read.is_empty());
    }

    /// A body that always has another frame without a byte.
    struct Nothing {
        trailers: bool,
    }

    impl Body for Nothing {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(Some(Ok(if self.trailers {
                Frame::trailers(HeaderMap::new())
            } else {
                Frame::data(Bytes::new())
            })))
        }
    }

    #[tokio::test]
    async fn frames_without_bytes_do_not_outrun_the_timeout() {
        const SHORT: Duration = Duration::from_millis(20);
        for trailers in [false, true] {
            let collected = read_whole(Nothing { trailers }, 3, SHORT).await;
            assert!(matches!(collected, Err(ReadError::Timeout)));
            let capped = read_up_to(Nothing { trailers }, 3);
            assert!(tokio::time::timeout(SHORT, capped).await.is_err());
            let limits = BodyLimits {
                limit: 3,
                timeout: SHORT,
            };
            let (_, buffered) = BufferedBody::read(Nothing { trailers }, limits).await;
            assert_eq!(buffered, Err(BufferError::Timeout));
        }
    }

    #[tokio::test]
    async fn each_chunk_is_shown_when_it_comes() {
        let limits = BodyLimits {
            limit: 3,
            timeout: LONG,
        };
        let mut shown = Vec::new();
        let read = collect(frames(&["ab", "", "c"]), limits, |chunk| {
            shown.push(chunk.to_vec());
        });
        assert_eq!(read.await.unwrap(), "abc");
        assert_eq!(shown, [&b"ab"[..], b"c"]);
    }

    /// A body that says how long it is, and is not.
    struct Lying<B>(B, u64);

    impl<B: Body + Unpin> Body for Lying<B> {
        type Data = B::Data;
        type Error = B::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
            Pin::new(&mut self.0).poll_frame(cx)
        }

        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(self.1)
        }
    }

    #[tokio::test]
    async fn a_body_that_lies_about_its_length_is_read_as_it_is() {
        for told in [0, 1, 4, 5, u64::MAX] {
            let body = Lying(frames(&["ab", "c", "d"]), told);
            assert_eq!(read_whole(body, 4, LONG).await.unwrap(), "abcd");
        }
    }

    #[tokio::test]
    async fn a_cap_beyond_all_memory_takes_none() {
        let read = read_whole(frames(&["ab", "c"]), usize::MAX, LONG).await;
        assert_eq!(read.unwrap(), "abc");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_ended_by_the_total_deadline() {
        let (send, mut receive) = mpsc::unbounded_channel();
        let dripping = tokio::spawn(async move {
            while send
                .send(Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))))
                .is_ok()
            {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let body = StreamBody::new(futures_lite(move |cx| receive.poll_recv(cx)));
        let refused = read_whole(body, 1_000, LONG).await;
        assert!(matches!(refused, Err(ReadError::Timeout)));
        dripping.abort();
    }
}
