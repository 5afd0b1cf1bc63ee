//! Bodies: the one that layers answer with, and reading one whole within a cap and a deadline.

use std::error::Error;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use pin_project_lite::pin_project;

use crate::problem::Problem;

/// Any error of a body or a service.
pub type BoxError = Box<dyn Error + Send + Sync>;

pin_project! {
    /// Response body of the layers: the inner service's, or one of their own.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: Inner<B>,
    }
}

pin_project! {
    #[project = InnerProj]
    #[derive(Debug)]
    enum Inner<B> {
        Service { #[pin] body: B },
        Own { #[pin] body: Full<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) const fn from_inner(body: B) -> Self {
        Self {
            inner: Inner::Service { body },
        }
    }

    pub(crate) fn own(bytes: Bytes) -> Self {
        Self {
            inner: Inner::Own {
                body: Full::new(bytes),
            },
        }
    }

    /// Makes the answer of a layer that refuses with `problem`.
    pub(crate) fn problem(problem: &Problem) -> Response<Self> {
        problem.to_response().map(Self::own)
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().inner.project() {
            InnerProj::Service { body } => body.poll_frame(cx),
            InnerProj::Own { body } => {
                let frame = ready!(body.poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|never| match never {})))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Service { body } => body.is_end_stream(),
            Inner::Own { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Service { body } => body.size_hint(),
            Inner::Own { body } => body.size_hint(),
        }
    }
}

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

/// Reads `body` whole: at most `cap` bytes, within `deadline` counted from now to its end.
///
/// A body of one data frame is handed on without a copy. No more than `cap` bytes and one frame
/// are held at any time. Trailers are dropped.
pub(crate) async fn collect<B>(
    body: B,
    cap: usize,
    deadline: Duration,
) -> Result<Bytes, CollectError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    tokio::time::timeout(deadline, collect_capped(body, cap))
        .await
        .map_err(|_elapsed| CollectError::Timeout)?
}

async fn collect_capped<B>(body: B, cap: usize) -> Result<Bytes, CollectError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|err| CollectError::Read(err.into()))?;
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        let held = first.len() + rest.len();
        let length = bytes::Buf::remaining(&data);
        if length > cap.saturating_sub(held) {
            return Err(CollectError::TooLarge);
        }
        let data = bytes::Buf::copy_to_bytes(&mut data, length);
        if held == 0 {
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{Empty, StreamBody};
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

    #[tokio::test]
    async fn a_single_frame_is_not_copied() {
        let bytes = Bytes::from_static(b"abc");
        let read = collect(Full::new(bytes.clone()), 3, LONG).await.unwrap();
        assert_eq!(read.as_ptr(), bytes.as_ptr());
    }

    #[tokio::test]
    async fn frames_are_joined_up_to_the_cap() {
        let read = collect(frames(&["ab", "", "c"]), 3, LONG).await.unwrap();
        assert_eq!(read, "abc");
        let refused = collect(frames(&["ab", "cd"]), 3, LONG).await;
        assert!(matches!(refused, Err(CollectError::TooLarge)));
    }

    #[tokio::test]
    async fn an_empty_body_is_read_as_no_bytes() {
        let read = collect(Empty::<Bytes>::new(), 0, LONG).await.unwrap();
        assert!(read.is_empty());
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
        let refused = collect(body, 1_000, LONG).await;
        assert!(matches!(refused, Err(CollectError::Timeout)));
        dripping.abort();
    }
}
