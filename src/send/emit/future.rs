//! The response future.

use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::task::{JoinError, JoinHandle};
use tracing::Instrument as _;

use super::capture;
use super::capture::Answer;
use super::declared::Declared;
use super::settings::Settings;
use crate::http::body::BufferedBody;
use crate::http::body::ResponseBody;
use crate::wire::problem::{Problem, ProblemKind};

pin_project! {
    /// Response future of [`SyncEmitter`](super::service::SyncEmitter).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B, E>
    where
        B: Body,
    {
        #[pin]
        state: State<F, B, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B, E>
    where
        B: Body,
    {
        Pass { #[pin] inner: F, settings: Arc<Settings> },
        Task { task: JoinHandle<Result<Answer<B>, E>> },
    }
}

impl<F, B: Body, E> ResponseFuture<F, B, E> {
    /// The call is made by this future itself; only if the answer declares events does a task
    /// begin, to store them.
    pub(super) const fn passing(inner: F, settings: Arc<Settings>) -> Self {
        Self {
            state: State::Pass { inner, settings },
        }
    }

    /// The call is made by a task, which goes on if this future is dropped.
    pub(super) const fn awaiting(task: JoinHandle<Result<Answer<B>, E>>) -> Self {
        Self {
            state: State::Task { task },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes, Error: Send> + Send + 'static,
    E: Send + 'static,
{
    type Output = Result<Answer<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Task { task } => {
                    let ended = ready!(Pin::new(task).poll(cx));
                    return Poll::Ready(ended.unwrap_or_else(|err| Ok(broken_off(err))));
                }
                StateProj::Pass { inner, settings } => {
                    let mut response = ready!(inner.poll(cx))?;
                    let Some(events) = Declared::take(response.extensions_mut()) else {
                        let response = response.map(BufferedBody::untouched);
                        return Poll::Ready(Ok(response.map(ResponseBody::from_inner)));
                    };
                    let settings = Arc::clone(settings);
                    let storing =
                        async move { Ok(capture::declare(&settings, events, response).await) };
                    let task = tokio::spawn(storing.in_current_span());
                    state.set(State::Task { task });
                }
            }
        }
    }
}

/// A panic of the inner service goes on where the caller awaits, as if there were no task.
fn broken_off<B: Body>(err: JoinError) -> Answer<B> {
    match err.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        // Only a runtime that shuts down cancels the task.
        Err(_cancelled) => ResponseBody::problem(&Problem::new(ProblemKind::INTERNAL)),
    }
}

impl<F, B: Body, E> fmt::Debug for ResponseFuture<F, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
