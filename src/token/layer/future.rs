//! The response future: forward, refuse, or wait for a key.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::gate::{JwtGate, attach_token};
use super::rejection::JwtRejection;
use crate::http::body::ResponseBody;
use crate::token::error::TokenError;
use crate::token::verifier::{PendingVerification, VerifiedToken};

pin_project! {
    /// Response future of [`JwtAuth`](crate::token::JwtAuth).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: JwtState<S, B, S::Future>,
    }
}

pin_project! {
    #[project = JwtStateProj]
    #[project_replace = JwtStateOwned]
    enum JwtState<S, B, F> {
        Forward { #[pin] inner: F },
        Refuse { why: JwtRejection, gate: Arc<JwtGate> },
        Wait { pending: Box<PendingRequest<S, B>> },
        Moving,
    }
}

/// A request that waits for the key of its token, and the ready service.
struct PendingRequest<S, B> {
    verification: PendingVerification,
    ready: S,
    request: Request<B>,
    gate: Arc<JwtGate>,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) const fn forward(inner: S::Future) -> Self {
        let state = JwtState::Forward { inner };
        Self { state }
    }

    pub(super) const fn refuse(why: JwtRejection, gate: Arc<JwtGate>) -> Self {
        let state = JwtState::Refuse { why, gate };
        Self { state }
    }

    pub(super) fn wait(
        verification: PendingVerification,
        ready: S,
        request: Request<B>,
        gate: Arc<JwtGate>,
    ) -> Self {
        let pending = Box::new(PendingRequest {
            verification,
            ready,
            request,
            gate,
        });
        let state = JwtState::Wait { pending };
        Self { state }
    }
}

impl<S, B> PendingRequest<S, B>
where
    S: Service<Request<B>>,
{
    fn resume(self, verified: Result<VerifiedToken, TokenError>) -> JwtState<S, B, S::Future> {
        let Self {
            mut ready,
            mut request,
            gate,
            ..
        } = self;
        match gate.finish(verified) {
            Ok(token) => {
                attach_token(&mut request, token);
                let inner = ready.call(request);
                JwtState::Forward { inner }
            }
            Err(why) => JwtState::Refuse { why, gate },
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
            let verified = match state.as_mut().project() {
                JwtStateProj::Forward { inner } => {
                    let response = ready!(inner.poll(cx));
                    return Poll::Ready(
                        response.map(|response| response.map(ResponseBody::from_inner)),
                    );
                }
                JwtStateProj::Refuse { why, gate } => {
                    return Poll::Ready(Ok(why.to_response(&gate.realm)));
                }
                JwtStateProj::Wait { pending } => {
                    ready!(Pin::new(&mut pending.verification).poll(cx))
                }
                JwtStateProj::Moving => return Poll::Pending,
            };
            if let JwtStateOwned::Wait { pending } =
                state.as_mut().project_replace(JwtState::Moving)
            {
                state.set(pending.resume(verified));
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
            JwtState::Forward { .. } => "forward",
            JwtState::Refuse { .. } => "refuse",
            JwtState::Wait { .. } | JwtState::Moving => "wait",
        };
        f.debug_struct("ResponseFuture")
            .field("state", &state)
            .finish_non_exhaustive()
    }
}
