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

use super::capture::{EmitterResponse, declare};
use super::declared::DeclaredEvents;
use super::settings::EmitSettings;
use crate::http::body::{BufferedBody, ResponseBody};
use crate::wire::problem::{Problem, ProblemKind};

pin_project! {
    /// Response future of [`SyncEmitter`](super::service::SyncEmitter).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B, E>
    where
        B: Body,
    {
        #[pin]
        inner: Inner<F, B, E>,
    }
}

pin_project! {
    #[project = InnerProj]
    enum Inner<F, B, E>
    where
        B: Body,
    {
        Pass { #[pin] future: F, settings: Arc<EmitSettings> },
        Task { task: JoinHandle<Result<EmitterResponse<B>, E>> },
    }
}

impl<F, B: Body, E> ResponseFuture<F, B, E> {
    /// This future makes the call itself. If the response declares events, it spawns a task that
    /// stores them.
    pub(super) const fn passing(future: F, settings: Arc<EmitSettings>) -> Self {
        Self {
            inner: Inner::Pass { future, settings },
        }
    }

    /// A task makes the call, and goes on if this future is dropped.
    pub(super) const fn awaiting(task: JoinHandle<Result<EmitterResponse<B>, E>>) -> Self {
        Self {
            inner: Inner::Task { task },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes, Error: Send> + Send + 'static,
    E: Send + 'static,
{
    type Output = Result<EmitterResponse<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project().inner;
        loop {
            match this.as_mut().project() {
                InnerProj::Task { task } => {
                    let ended = ready!(Pin::new(task).poll(cx));
                    return Poll::Ready(ended.unwrap_or_else(|err| Ok(join_failed(err))));
                }
                InnerProj::Pass { future, settings } => {
                    let mut response = ready!(future.poll(cx))?;
                    let Some(events) = DeclaredEvents::take(response.extensions_mut()) else {
                        let response = response.map(BufferedBody::untouched);
                        return Poll::Ready(Ok(response.map(ResponseBody::from_inner)));
                    };
                    let settings = Arc::clone(settings);
                    let storing = async move { Ok(declare(&settings, events, response).await) };
                    let task = tokio::spawn(storing.in_current_span());
                    this.set(Inner::Task { task });
                }
            }
        }
    }
}

/// Resumes a panic of the inner service where the caller awaits, as if there were no task.
fn join_failed<B: Body>(err: JoinError) -> EmitterResponse<B> {
    match err.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        // Only the shutdown of the runtime cancels the task.
        Err(_cancelled) => ResponseBody::problem(&Problem::new(ProblemKind::INTERNAL)),
    }
}

impl<F, B: Body, E> fmt::Debug for ResponseFuture<F, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
