//! The service: calls inside the future, or in a task.

use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;
use tracing::Instrument as _;

use super::capture::call;
use super::future::ResponseFuture;
use super::settings::EmitSettings;
use crate::http::body::{BufferedBody, ResponseBody};

/// Service made by [`SyncEmitterLayer`](super::layer::SyncEmitterLayer).
///
/// It makes a captured call in a task of its own: call it inside a Tokio runtime.
#[derive(Clone, Debug)]
pub struct SyncEmitter<S> {
    inner: S,
    settings: Arc<EmitSettings>,
}

impl<S> SyncEmitter<S> {
    pub(super) const fn new(inner: S, settings: Arc<EmitSettings>) -> Self {
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
        let capture = settings.rules.capture(request.method(), path);
        if capture.is_none() && !settings.every_request {
            let inner = self.inner.call(request.map(BufferedBody::untouched));
            return ResponseFuture::passing(inner, settings);
        }
        // `poll_ready` reserved capacity in `self.inner`; a clone has reserved none. Call the
        // reserved one and keep the clone for the next request.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let task = call(ready, request, capture, settings);
        ResponseFuture::awaiting(tokio::spawn(task.in_current_span()))
    }
}
