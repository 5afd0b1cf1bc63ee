//! The service: decides which of two ways a request goes.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tracing::Instrument as _;

use super::capture;
use super::future::ResponseFuture;
use super::settings::Settings;
use crate::http::body::BufferedBody;
use crate::http::body::ResponseBody;

/// Service made by [`SyncEmitterLayer`](super::layer::SyncEmitterLayer).
///
/// A captured call is made in a task of its own, so it must be called inside a Tokio runtime.
#[derive(Clone, Debug)]
pub struct SyncEmitter<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> SyncEmitter<S> {
    pub(super) const fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for SyncEmitter<S>
where
    S: Service<Request<BufferedBody<ReqBody>>, Response = Response<ResBody>>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    ReqBody: Body<Data = Bytes, Error: Send> + Send + 'static,
    ResBody: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    type Response = Response<ResponseBody<BufferedBody<ResBody>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let settings = Arc::clone(&self.settings);
        let path = request.uri().path();
        let how = settings.rules.capture(request.method(), path);
        if how.is_none() && !settings.every_request {
            let inner = self.inner.call(request.map(BufferedBody::untouched));
            return ResponseFuture::passing(inner, settings);
        }
        // `poll_ready` reserved capacity in `self.inner`; a clone has reserved none. Call the
        // reserved one and keep the clone for the next request.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let task = capture::call(ready, request, how, settings);
        ResponseFuture::awaiting(tokio::spawn(task.in_current_span()))
    }
}
