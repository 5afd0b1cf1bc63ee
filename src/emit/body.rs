//! A body that the layer may have looked at before handing it on.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use pin_project_lite::pin_project;
use tokio::task::coop::consume_budget;
use tokio::time::timeout;

pin_project! {
    /// Body of the requests that [`SyncEmitter`](super::SyncEmitter) hands on, and of the responses
    /// it lets through: the very bytes and trailers of `B`.
    ///
    /// Where the layer did not look, every frame passes as it comes.
    pub struct CapturedBody<B>
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
        Read { read: Read<B> },
    }
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Unseen {
    #[error("it is longer than the cap")]
    TooLong,
    #[error("it did not end in time")]
    TooLate,
    #[error("it broke off")]
    BrokenOff,
    #[error("it is content-encoded")]
    Encoded,
    #[error("it is no JSON")]
    NotJson,
}

/// What was read, to be handed on before what was not.
struct Read<B: Body> {
    data: Bytes,
    trailers: Option<HeaderMap>,
    error: Option<B::Error>,
    rest: Option<Pin<Box<B>>>,
}

impl<B: Body<Data = Bytes>> CapturedBody<B> {
    pub(super) const fn untouched(body: B) -> Self {
        Self {
            inner: Inner::Untouched { body },
        }
    }

    /// Reads `body` until it ends, fails, is longer than `cap` bytes, or `deadline` has passed.
    ///
    /// Returns a body that hands on what was read and then the rest. No more than `cap` bytes and
    /// one frame are held.
    pub(super) async fn read(
        body: B,
        cap: usize,
        deadline: Duration,
    ) -> (Self, Result<Bytes, Unseen>) {
        let mut rest = Box::pin(body);
        let mut data = Data::default();
        let mut trailers: Option<HeaderMap> = None;
        let mut error = None;
        let reading = async {
            loop {
                match rest.frame().await.transpose() {
                    Ok(None) => return None,
                    Ok(Some(frame)) => match frame.into_data() {
                        Ok(chunk) => data.push(chunk),
                        Err(frame) => trailers = frame.into_trailers().ok().or(trailers.take()),
                    },
                    Err(broken) => {
                        error = Some(broken);
                        return Some(Unseen::BrokenOff);
                    }
                }
                if data.len() > cap {
                    return Some(Unseen::TooLong);
                }
                // Frames that are always there would keep the deadline from being looked at.
                consume_budget().await;
            }
        };
        let unseen = timeout(deadline, reading)
            .await
            .unwrap_or(Some(Unseen::TooLate));
        let data = data.join();
        let goes_on = matches!(unseen, Some(Unseen::TooLong | Unseen::TooLate));
        let seen = unseen.map_or_else(|| Ok(data.clone()), Err);
        let read = Read {
            data,
            trailers,
            error,
            rest: goes_on.then_some(rest),
        };
        (Self::from(read), seen)
    }
}

impl<B: Body> From<Read<B>> for CapturedBody<B> {
    fn from(read: Read<B>) -> Self {
        Self {
            inner: Inner::Read { read },
        }
    }
}

/// Frames joined as they come; a single one is not copied.
#[derive(Default)]
struct Data {
    first: Bytes,
    joined: BytesMut,
}

impl Data {
    fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn push(&mut self, chunk: Bytes) {
        if self.len() == 0 {
            self.first = chunk;
            return;
        }
        let first = std::mem::take(&mut self.first);
        self.joined.extend_from_slice(&first);
        self.joined.extend_from_slice(&chunk);
    }

    fn join(self) -> Bytes {
        if self.joined.is_empty() {
            self.first
        } else {
            self.joined.freeze()
        }
    }
}

impl<B: Body<Data = Bytes>> Body for CapturedBody<B> {
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

impl<B: Body<Data = Bytes>> Read<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if !self.data.is_empty() {
            let data = std::mem::take(&mut self.data);
            return Poll::Ready(Some(Ok(Frame::data(data))));
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
            && self.error.is_none()
            && self.trailers.is_none()
            && self.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let held = u64::try_from(self.data.len()).unwrap_or(u64::MAX);
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

impl<B: Body> fmt::Debug for CapturedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapturedBody").finish_non_exhaustive()
    }
}
