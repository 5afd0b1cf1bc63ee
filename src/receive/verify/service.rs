//! Service of the layer.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use super::future::ResponseFuture;
use super::gate::WebhookGate;
use crate::base::error::BoxError;
use crate::http::body::ResponseBody;

/// Service made by [`VerifyWebhookLayer`](super::layer::VerifyWebhookLayer).
#[derive(Clone, Debug)]
pub struct VerifyWebhook<S> {
    inner: S,
    gate: Arc<WebhookGate>,
}

impl<S> VerifyWebhook<S> {
    pub(super) const fn new(inner: S, gate: Arc<WebhookGate>) -> Self {
        Self { inner, gate }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for VerifyWebhook<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<ResBody>> + Clone,
    ReqBody: Body + Send + 'static,
    ReqBody::Data: Send,
    ReqBody::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, S::Future>;

    /// Returns ready at once: a request from a stranger must not hold capacity of the inner
    /// service. The response future waits for the inner service after it accepts a request.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let span = self.gate.span();
        let decision = Arc::clone(&self.gate).decide(request, span.clone());
        ResponseFuture::new(decision, self.inner.clone(), span)
    }
}
