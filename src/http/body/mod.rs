//! Reads bodies within a limit and a timeout, and wraps the bodies that layers hand on.

#[cfg(any(feature = "verify", feature = "emit"))]
mod buffer;
#[cfg(feature = "emit")]
mod buffered;
#[cfg(any(feature = "verify", feature = "emit"))]
mod read;
#[cfg(test)]
#[cfg(feature = "emit")]
mod tests;

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

#[cfg(feature = "emit")]
pub(crate) use self::buffered::BufferError;
#[cfg(feature = "emit")]
pub use self::buffered::BufferedBody;
#[cfg(feature = "emit")]
pub(crate) use self::read::read_up_to;
#[cfg(any(feature = "verify", feature = "emit"))]
pub(crate) use self::read::{BodyLimits, ReadError, collect};
use crate::wire::problem::Problem;

pin_project! {
    /// Response body of the layers: the inner service's body, or the layer's own.
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

    /// Creates the response of a layer that refuses with `problem`.
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
