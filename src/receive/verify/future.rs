//! Response future: decide, handle, settle the claim.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use pin_project_lite::pin_project;
use tower_service::Service;
use tracing::Span;

use super::claim::{MessageClaim, Settle};
use super::gate::Decision;
use super::handled::HandlerGuard;
use super::rejection::WebhookRejection;
use crate::http::body::ResponseBody;

type DecisionResult = Result<Decision, WebhookRejection>;

pin_project! {
    /// Response future of [`VerifyWebhook`](super::service::VerifyWebhook).
    ///
    /// Dropping it while the inner service runs releases the message.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, F>
    where
        F: Future,
    {
        service: S,
        span: Span,
        #[pin]
        state: VerifyState<F>,
    }
}

pin_project! {
    #[project = VerifyStateProj]
    enum VerifyState<F>
    where
        F: Future,
    {
        Deciding {
            decision: Pin<Box<dyn Future<Output = DecisionResult> + Send>>,
        },
        /// The inner service may not be ready yet.
        Queueing {
            request: Option<Request<Full<Bytes>>>,
            accepted: AcceptedRequest,
        },
        Handling {
            #[pin]
            inner: F,
            accepted: AcceptedRequest,
        },
        Settling {
            settle: Option<Settle>,
            output: Option<F::Output>,
        },
    }
}

/// An accepted request without a response.
#[derive(Default)]
struct AcceptedRequest {
    claim: Option<MessageClaim>,
    handled: Option<HandlerGuard>,
}

impl AcceptedRequest {
    fn take(&mut self) -> Self {
        mem::take(self)
    }

    /// Returns `poll`, and renews the claim if it is pending.
    fn while_pending<T>(&mut self, poll: Poll<T>, cx: &mut Context<'_>) -> Poll<T> {
        if let (Poll::Pending, Some(claim)) = (&poll, &mut self.claim) {
            claim.poll_renewal(cx);
        }
        poll
    }

    fn finish<F, B, E>(self, output: F::Output) -> VerifyState<F>
    where
        F: Future<Output = Result<Response<B>, E>>,
    {
        let succeeded = matches!(&output, Ok(res) if res.status().is_success());
        if let Some(handled) = self.handled {
            handled.end(succeeded);
        }
        VerifyState::Settling {
            settle: self.claim.map(|claim| claim.settle(succeeded)),
            output: Some(output),
        }
    }
}

impl<S, F: Future> ResponseFuture<S, F> {
    pub(super) fn new(
        decision: impl Future<Output = DecisionResult> + Send + 'static,
        service: S,
        span: Span,
    ) -> Self {
        Self {
            service,
            span,
            state: VerifyState::Deciding {
                decision: Box::pin(decision),
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
                VerifyStateProj::Deciding { decision } => {
                    match ready!(decision.as_mut().poll(cx)) {
                        Ok(Decision::HandOn {
                            request,
                            claim,
                            handled,
                        }) => queue(request, claim, handled),
                        Ok(Decision::Stored(stored)) => {
                            return Poll::Ready(Ok(stored.to_response()));
                        }
                        Err(reason) => return Poll::Ready(Ok(reason.to_response())),
                    }
                }
                VerifyStateProj::Queueing { request, accepted } => {
                    let readiness = this.service.poll_ready(cx);
                    let readiness = ready!(accepted.while_pending(readiness, cx));
                    match (readiness, request.take()) {
                        (Ok(()), Some(request)) => VerifyState::Handling {
                            inner: this.service.call(request),
                            accepted: accepted.take(),
                        },
                        (Ok(()), None) => return Poll::Pending,
                        (Err(err), _) => accepted.take().finish(Err(err)),
                    }
                }
                VerifyStateProj::Handling { inner, accepted } => {
                    let output = inner.poll(cx);
                    let output = ready!(accepted.while_pending(output, cx));
                    accepted.take().finish(output)
                }
                VerifyStateProj::Settling { settle, output } => {
                    if let Some(settle) = settle {
                        ready!(settle.poll(cx));
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

fn queue<F: Future>(
    request: Request<Full<Bytes>>,
    claim: Option<MessageClaim>,
    handled: HandlerGuard,
) -> VerifyState<F> {
    VerifyState::Queueing {
        request: Some(request),
        accepted: AcceptedRequest {
            claim,
            handled: Some(handled),
        },
    }
}

fn own_body<B, E>(output: Result<Response<B>, E>) -> Result<Response<ResponseBody<B>>, E> {
    output.map(|response| response.map(ResponseBody::from_inner))
}

impl<S, F: Future> fmt::Debug for ResponseFuture<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            VerifyState::Deciding { .. } => "Deciding",
            VerifyState::Queueing { .. } => "Queueing",
            VerifyState::Handling { .. } => "Handling",
            VerifyState::Settling { .. } => "Settling",
        };
        f.debug_tuple("ResponseFuture").field(&state).finish()
    }
}
