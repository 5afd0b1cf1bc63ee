//! The response future: forward, refuse, or wait for a key.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::layer::Gate;
use super::rejection::JwtRejection;
use super::validate::admit;
use crate::http::body::ResponseBody;
use crate::token::error::TokenError;
use crate::token::verifier::{PendingVerdict, VerifiedToken};

pin_project! {
    /// Response future of [`JwtAuth`](super::service::JwtAuth).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    #[project_replace = StateOwned]
    enum State<S, B, F> {
        Forward { #[pin] inner: F },
        Refuse { why: JwtRejection, gate: Arc<Gate> },
        Wait { waiting: Box<Waiting<S, B>> },
        Moving,
    }
}

/// A request whose token lacks its key, and the service that was ready for it.
struct Waiting<S, B> {
    verdict: PendingVerdict,
    ready: S,
    request: Request<B>,
    gate: Arc<Gate>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) const fn forward(inner: S::Future) -> Self {
        let state = State::Forward { inner };
        Self { state }
    }

    pub(super) const fn refuse(why: JwtRejection, gate: Arc<Gate>) -> Self {
        let state = State::Refuse { why, gate };
        Self { state }
    }

    pub(super) fn wait(
        verdict: PendingVerdict,
        ready: S,
        request: Request<B>,
        gate: Arc<Gate>,
    ) -> Self {
        let waiting = Box::new(Waiting {
            verdict,
            ready,
            request,
            gate,
        });
        let state = State::Wait { waiting };
        Self { state }
    }
}

impl<S, B> Waiting<S, B>
where
    S: Service<Request<B>>,
{
    fn go_on(self, verdict: Result<VerifiedToken, TokenError>) -> State<S, B, S::Future> {
        let Self {
            mut ready,
            mut request,
            gate,
            ..
        } = self;
        match gate.finish(verdict) {
            Ok(token) => {
                admit(&mut request, token);
                let inner = ready.call(request);
                State::Forward { inner }
            }
            Err(why) => State::Refuse { why, gate },
        }
    }
}

impl<S, ReqBody, ResBody> Future for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Output = Result<Response<ResponseBody<ResBody>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let verdict = match state.as_mut().project() {
                StateProj::Forward { inner } => {
                    let answer = ready!(inner.poll(cx));
                    return Poll::Ready(answer.map(|head| head.map(ResponseBody::from_inner)));
                }
                StateProj::Refuse { why, gate } => {
                    return Poll::Ready(Ok(why.to_response(&gate.realm)));
                }
                StateProj::Wait { waiting } => {
                    ready!(Pin::new(&mut waiting.verdict).poll(cx))
                }
                StateProj::Moving => return Poll::Pending,
            };
            if let StateOwned::Wait { waiting } = state.as_mut().project_replace(State::Moving) {
                state.set(waiting.go_on(verdict));
            }
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Forward { .. } => "forward",
            State::Refuse { .. } => "refuse",
            State::Wait { .. } | State::Moving => "wait",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
