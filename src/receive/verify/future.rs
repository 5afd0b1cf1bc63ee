//! The response future: decide, handle, settle the claim.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::Span;

use super::claim::{Claim, Settling};
use super::gate::Admitted;
use super::handled::Handled;
use super::rejection::WebhookRejection;
use crate::http::body::ResponseBody;

type Verdict = Result<Admitted, WebhookRejection>;

pin_project! {
    /// Response future of [`VerifyWebhook`](super::service::VerifyWebhook).
    ///
    /// Dropping it while the inner service works releases the message.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, F>
    where
        F: Future,
    {
        service: S,
        span: Span,
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F>
    where
        F: Future,
    {
        Deciding {
            verdict: Pin<Box<dyn Future<Output = Verdict> + Send>>,
        },
        /// The service may have to wait for room.
        Queueing {
            request: Option<Request<Full<Bytes>>>,
            running: Running,
        },
        Handling {
            #[pin]
            inner: F,
            running: Running,
        },
        Settling {
            settling: Option<Settling>,
            output: Option<F::Output>,
        },
    }
}

/// An accepted request that has not been answered yet.
#[derive(Default)]
struct Running {
    claim: Option<Claim>,
    handled: Option<Handled>,
}

impl Running {
    fn take(&mut self) -> Self {
        mem::take(self)
    }

    /// Passes `poll` on, and keeps the claim alive meanwhile.
    fn while_pending<T>(&mut self, poll: Poll<T>, cx: &mut Context<'_>) -> Poll<T> {
        if let (Poll::Pending, Some(claim)) = (&poll, &mut self.claim) {
            claim.poll_renewal(cx);
        }
        poll
    }

    fn ended<F, B, E>(self, output: F::Output) -> State<F>
    where
        F: Future<Output = Result<Response<B>, E>>,
    {
        let succeeded = matches!(&output, Ok(res) if res.status().is_success());
        if let Some(handled) = self.handled {
            handled.end(succeeded);
        }
        State::Settling {
            settling: self.claim.map(|claim| claim.settle(succeeded)),
            output: Some(output),
        }
    }
}

impl<S, F: Future> ResponseFuture<S, F> {
    pub(super) fn new(
        verdict: impl Future<Output = Verdict> + Send + 'static,
        service: S,
        span: Span,
    ) -> Self {
        Self {
            service,
            span,
            state: State::Deciding {
                verdict: Box::pin(verdict),
            },
        }
    }
}

impl<S, B> Future for ResponseFuture<S, S::Future>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
{
    type Output = Result<Response<ResponseBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let mut state = this.state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Deciding { verdict } => match ready!(verdict.as_mut().poll(cx)) {
                    Ok(Admitted::HandOn {
                        request,
                        claim,
                        handled,
                    }) => State::Queueing {
                        request: Some(request),
                        running: Running {
                            claim,
                            handled: Some(handled),
                        },
                    },
                    Ok(Admitted::Stored(stored)) => return Poll::Ready(Ok(stored.to_response())),
                    Err(reason) => return Poll::Ready(Ok(reason.to_response())),
                },
                StateProj::Queueing { request, running } => {
                    let readiness = this.service.poll_ready(cx);
                    match (ready!(running.while_pending(readiness, cx)), request.take()) {
                        (Ok(()), Some(request)) => State::Handling {
                            inner: this.service.call(request),
                            running: running.take(),
                        },
                        (Ok(()), None) => return Poll::Pending,
                        (Err(err), _) => running.take().ended(Err(err)),
                    }
                }
                StateProj::Handling { inner, running } => {
                    let output = inner.poll(cx);
                    let output = ready!(running.while_pending(output, cx));
                    running.take().ended(output)
                }
                StateProj::Settling { settling, output } => {
                    if let Some(settling) = settling {
                        ready!(settling.poll(cx));
                    }
                    return output
                        .take()
                        .map_or(Poll::Pending, |output| Poll::Ready(own_body(output)));
                }
            };
            state.set(next);
        }
    }
}

fn own_body<B, E>(output: Result<Response<B>, E>) -> Result<Response<ResponseBody<B>>, E> {
    output.map(|response| response.map(ResponseBody::from_inner))
}

impl<S, F: Future> fmt::Debug for ResponseFuture<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Deciding { .. } => "Deciding",
            State::Queueing { .. } => "Queueing",
            State::Handling { .. } => "Handling",
            State::Settling { .. } => "Settling",
        };
        f.debug_tuple("ResponseFuture").field(&state).finish()
    }
}
