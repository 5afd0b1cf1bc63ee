//! Reading a body whole, within a cap and a deadline.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use tokio::task::coop::consume_budget;

use super::BoxError;
use super::gather::Gather;

/// Why a body was not read whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    #[error("the body is larger than the cap")]
    TooLarge,
    #[error("the body did not end before the deadline")]
    Timeout,
    #[error("the body could not be read")]
    Read(#[source] BoxError),
}

/// How much of a body is read, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In bytes.
    pub(crate) cap: usize,
    /// From now to the body's end.
    pub(crate) deadline: Duration,
}

/// Reads `body` whole, within `limits`, and shows each piece when it comes. If `lead` has bytes, they
/// stand in front of the body in what is returned, and are no part of the cap.
///
/// A body of one data frame is handed on without a copy, unless there is a lead. Beside the frame that
/// comes, and the first until the second is there, no more than the cap and 24 KiB are held at any
/// time; with a cap beyond 16 MiB, and a body that does not say its length, half as much again.
/// Trailers are dropped.
pub(crate) async fn collect<B>(
    lead: Vec<u8>,
    body: B,
    limits: Limits,
    show: impl FnMut(&[u8]),
) -> Result<Bytes, CollectError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let gather = Gather::new(lead, limits.cap, body.size_hint().upper());
    let mut reading = pin!(gather_all(gather, body, show));
    // Most bodies are there already: they need no timer.
    if let Poll::Ready(read) = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
        return read;
    }
    tokio::time::timeout(limits.deadline, reading)
        .await
        .map_err(|_elapsed| CollectError::Timeout)?
}

async fn gather_all<B>(
    mut gather: Gather,
    body: B,
    mut show: impl FnMut(&[u8]),
) -> Result<Bytes, CollectError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    loop {
        match body.frame().await {
            Some(frame) => take(frame, &mut gather, &mut show)?,
            None => return Ok(gather.finish()),
        }
        // Frames that are always there would keep the deadline from being looked at.
        consume_budget().await;
    }
}

fn take<D, E>(
    frame: Result<Frame<D>, E>,
    gather: &mut Gather,
    show: &mut impl FnMut(&[u8]),
) -> Result<(), CollectError>
where
    D: Buf,
    E: Into<BoxError>,
{
    let frame = frame.map_err(|err| CollectError::Read(err.into()))?;
    if let Ok(mut data) = frame.into_data()
        && data.has_remaining()
    {
        let length = data.remaining();
        gather.check(length).map_err(|_| CollectError::TooLarge)?;
        let piece = data.copy_to_bytes(length);
        show(&piece);
        gather.put(piece);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use std::pin::Pin;
    use std::task::Context;

    use http_body_util::{Empty, Full, StreamBody};
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

    async fn read_whole<B>(body: B, cap: usize, deadline: Duration) -> Result<Bytes, CollectError>
    where
        B: Body<Error = Infallible>,
    {
        let limits = Limits { cap, deadline };
        collect(Vec::new(), body, limits, |_piece| {}).await
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
        assert!(matches!(refused, Err(CollectError::TooLarge)));
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
                Frame::trailers(http::HeaderMap::new())
            } else {
                Frame::data(Bytes::new())
            })))
        }
    }

    #[tokio::test]
    async fn frames_without_bytes_do_not_outrun_the_deadline() {
        for trailers in [false, true] {
            let endless = read_whole(Nothing { trailers }, 3, Duration::from_millis(20));
            assert!(matches!(endless.await, Err(CollectError::Timeout)));
        }
    }

    #[tokio::test]
    async fn bytes_in_front_of_a_body_are_no_part_of_its_cap() {
        let limits = Limits {
            cap: 3,
            deadline: LONG,
        };
        let mut shown = Vec::new();
        let lead = b"id.".to_vec();
        let show = |piece: &[u8]| shown.push(piece.to_vec());
        let read = collect(lead, frames(&["ab", "", "c"]), limits, show);
        assert_eq!(read.await.unwrap(), "id.abc");
        assert_eq!(shown, [&b"ab"[..], b"c"]);
        let lead = b"id.".to_vec();
        let read = collect(lead, frames(&["ab", "cd"]), limits, |_| {});
        assert!(matches!(read.await, Err(CollectError::TooLarge)));
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
        assert!(matches!(refused, Err(CollectError::Timeout)));
        dripping.abort();
    }
}
