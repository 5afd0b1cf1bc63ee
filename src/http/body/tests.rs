use std::convert::Infallible;
use std::task::Context;
use std::time::Duration;

use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use tokio::sync::mpsc;

use super::*;

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

/// More frames than one turn of the scheduler reads, and trailers.
fn many_frames() -> impl Body<Data = Bytes, Error = Infallible> {
    let mut left = 1_000_u32;
    StreamBody::new(futures_lite(move |_cx| {
        Poll::Ready(match left {
            0 => None,
            1 => {
                left = 0;
                let last = (http::header::ETAG, http::HeaderValue::from_static("last"));
                Some(Ok(Frame::trailers(HeaderMap::from_iter([last]))))
            }
            number => {
                left -= 1;
                Some(Ok(Frame::data(Bytes::from(number.to_be_bytes().to_vec()))))
            }
        })
    }))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_not_read_in_time_is_handed_on_without_a_gap() {
    let whole = many_frames().collect().await.unwrap();
    let (trailers, whole) = (whole.trailers().cloned(), whole.to_bytes());
    for limit in [0, 5, 100, 100_000] {
        let limits = BodyLimits {
            limit,
            timeout: Duration::ZERO,
        };
        let (body, read) = BufferedBody::read(many_frames(), limits).await;
        assert!(read.is_err());
        let handed_on = body.collect().await.unwrap();
        assert_eq!(handed_on.trailers(), trailers.as_ref());
        assert_eq!(handed_on.to_bytes(), whole, "limit {limit}");
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

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.1)
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
