//! A body that a layer may have read before handing it on.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::timeout;

use super::buffer::BodyBuffer;
use super::read::{BodyLimits, next_data};

pin_project! {
    /// Body of the requests that [`SyncEmitter`](crate::send::emit::SyncEmitter) hands on, and of
    /// the responses that it returns: the bytes and trailers of `B`, unchanged.
    ///
    /// If the layer did not read the body, every frame passes as it arrives.
    pub struct BufferedBody<B>
    where
        B: Body,
    {
        #[pin]
        inner: Inner<B>,
    }
}

pin_project! {
    #[project = InnerProj]
    enum Inner<B>
    where
        B: Body,
    {
        Untouched { #[pin] body: B },
        Read { read: BufferedRead<B> },
    }
}

/// Reason why the whole body was not buffered.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum BufferError {
    #[error("the body exceeds the limit")]
    TooLarge,
    #[error("the body did not end before the timeout")]
    Timeout,
    #[error("the body ended early")]
    Broken,
}

/// Bytes read so far, and the rest of the body.
struct BufferedRead<B: Body> {
    data: Bytes,
    /// The chunk that exceeded the limit.
    excess: Bytes,
    trailers: Option<HeaderMap>,
    error: Option<B::Error>,
    rest: Option<Pin<Box<B>>>,
}

impl<B: Body<Data = Bytes>> BufferedBody<B> {
    pub(crate) const fn untouched(body: B) -> Self {
        Self {
            inner: Inner::Untouched { body },
        }
    }

    /// Reads `body` until it ends, fails, exceeds the limit, or reaches the timeout.
    ///
    /// Returns a body that yields the bytes read so far and then the rest. It holds at most the
    /// limit and one frame.
    pub(crate) async fn read(body: B, limits: BodyLimits) -> (Self, Result<Bytes, BufferError>) {
        let mut body = Box::pin(body);
        let mut buffer = BodyBuffer::new(limits.limit, body.size_hint().upper());
        let (mut trailers, mut excess) = (None, Bytes::new());
        let reading = async {
            while let Some(chunk) = next_data(body.as_mut(), |new| trailers = Some(new)).await? {
                if chunk.len() > buffer.room() {
                    excess = chunk;
                    break;
                }
                buffer.push(chunk);
            }
            Ok(())
        };
        let ended = timeout(limits.timeout, reading).await;
        let data = buffer.finish();
        let (result, error) = match ended {
            Err(_elapsed) => (Err(BufferError::Timeout), None),
            Ok(Err(broken)) => (Err(BufferError::Broken), Some(broken)),
            Ok(Ok(())) if excess.is_empty() => (Ok(data.clone()), None),
            Ok(Ok(())) => (Err(BufferError::TooLarge), None),
        };
        let goes_on = matches!(result, Err(BufferError::TooLarge | BufferError::Timeout));
        let read = BufferedRead {
            data,
            excess,
            trailers,
            error,
            rest: goes_on.then_some(body),
        };
        (Self::from(read), result)
    }
}

impl<B: Body> From<BufferedRead<B>> for BufferedBody<B> {
    fn from(read: BufferedRead<B>) -> Self {
        Self {
            inner: Inner::Read { read },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for BufferedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().inner.project() {
            InnerProj::Untouched { body } => body.poll_frame(cx),
            InnerProj::Read { read } => read.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Untouched { body } => body.is_end_stream(),
            Inner::Read { read } => read.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Untouched { body } => body.size_hint(),
            Inner::Read { read } => read.size_hint(),
        }
    }
}

impl<B: Body<Data = Bytes>> BufferedRead<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if !self.data.is_empty() {
            let data = std::mem::take(&mut self.data);
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if !self.excess.is_empty() {
            let excess = std::mem::take(&mut self.excess);
            return Poll::Ready(Some(Ok(Frame::data(excess))));
        }
        if let Some(error) = self.error.take() {
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(trailers) = self.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        match &mut self.rest {
            Some(rest) => rest.as_mut().poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty()
            && self.excess.is_empty()
            && self.error.is_none()
            && self.trailers.is_none()
            && self.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let held = u64::try_from(self.data.len() + self.excess.len()).unwrap_or(u64::MAX);
        let rest = match &self.rest {
            Some(rest) => rest.size_hint(),
            None if self.error.is_some() => SizeHint::default(),
            None => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(held.saturating_add(rest.lower()));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(held)) {
            hint.set_upper(upper);
        }
        hint
    }
}

impl<B: Body> fmt::Debug for BufferedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferedBody").finish_non_exhaustive()
    }
}
