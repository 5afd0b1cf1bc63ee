//! The response future: decide, handle, settle the claim.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::claim::{Claim, Settling};
use super::gate::Admitted;
use super::rejection::RefusalReason;
use crate::body::ResponseBody;

type Verdict = Result<Admitted, RefusalReason>;

pin_project! {
    /// Response future of [`VerifyWebhook`](super::VerifyWebhook).
    ///
    /// Dropping it while the inner service works releases the message.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, F>
    where
        F: Future,
    {
        #[pin]
        state: State<S, F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F>
    where
        F: Future,
    {
        Deciding {
            verdict: Pin<Box<dyn Future<Output = Verdict> + Send>>,
            ready: S,
        },
        Handling {
            #[pin]
            inner: F,
            claim: Option<Claim>,
        },
        Settling {
            settling: Settling,
            output: Option<F::Output>,
        },
    }
}

impl<S, F: Future> ResponseFuture<S, F> {
    pub(super) fn new(verdict: impl Future<Output = Verdict> + Send + 'static, ready: S) -> Self {
        Self {
            state: State::Deciding {
                verdict: Box::pin(verdict),
                ready,
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
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Deciding { verdict, ready } => {
                    let Admitted { request, claim } = match ready!(verdict.as_mut().poll(cx)) {
                        Ok(admitted) => admitted,
                        Err(reason) => return Poll::Ready(Ok(reason.to_response())),
                    };
                    let inner = ready.call(request);
                    state.set(State::Handling { inner, claim });
                }
                StateProj::Handling { inner, claim } => {
                    let Poll::Ready(output) = inner.poll(cx) else {
                        if let Some(claim) = claim {
                            claim.poll_renewal(cx);
                        }
                        return Poll::Pending;
                    };
                    let Some(claim) = claim.take() else {
                        return Poll::Ready(own_body(output));
                    };
                    let succeeded = matches!(&output, Ok(res) if res.status().is_success());
                    state.set(State::Settling {
                        settling: claim.settle(succeeded),
                        output: Some(output),
                    });
                }
                StateProj::Settling { settling, output } => {
                    ready!(settling.poll(cx));
                    return output
                        .take()
                        .map_or(Poll::Pending, |output| Poll::Ready(own_body(output)));
                }
            }
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
            State::Handling { .. } => "Handling",
            State::Settling { .. } => "Settling",
        };
        f.debug_tuple("ResponseFuture").field(&state).finish()
    }
}
