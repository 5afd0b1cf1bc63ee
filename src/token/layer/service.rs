//! The service of the layer.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, mem};

use http::{Request, Response};
use tower_service::Service;

use super::future::ResponseFuture;
use super::gate::{JwtGate, attach_token};
use crate::http::body::ResponseBody;
use crate::token::verifier::Verification;

/// Service made by [`JwtAuthLayer`](crate::token::JwtAuthLayer).
#[derive(Clone)]
pub struct JwtAuth<S> {
    inner: S,
    gate: Arc<JwtGate>,
}

impl<S> JwtAuth<S> {
    pub(super) const fn new(inner: S, gate: Arc<JwtGate>) -> Self {
        Self { inner, gate }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for JwtAuth<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let accepted = match self.gate.begin(request.headers()) {
            Ok(Verification::Now(verified)) => self.gate.finish(verified),
            Ok(Verification::Later(pending)) => {
                // `poll_ready` reserved capacity in `self.inner`; a clone has reserved none. The
                // future takes the ready service, and the clone is for the next request.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                let gate = Arc::clone(&self.gate);
                return ResponseFuture::wait(pending, ready, request, gate);
            }
            Err(why) => Err(why),
        };
        match accepted {
            Ok(token) => {
                attach_token(&mut request, token);
                ResponseFuture::forward(self.inner.call(request))
            }
            Err(why) => ResponseFuture::refuse(why, Arc::clone(&self.gate)),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for JwtAuth<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtAuth")
            .field("inner", &self.inner)
            .field("gate", &self.gate)
            .finish()
    }
}
