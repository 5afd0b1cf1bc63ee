//! Service with its type erased.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower_service::Service;

use crate::base::error::BoxError;

/// Status of a response, or the error of the service.
pub(super) type HandlerResult = Result<StatusCode, BoxError>;

/// A [`Service`] as an object; only the status counts.
pub(super) trait Handler: Send + Sync {
    /// Calls a clone of the service once it is ready. Does nothing before it is polled.
    fn handle(
        self: Arc<Self>,
        request: Request<Full<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = HandlerResult> + Send>>;
}

pub(super) fn erase<S, B>(service: S) -> Arc<dyn Handler>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
{
    Arc::new(SharedService(Mutex::new(service)))
}

/// Source of the clones. Not every service is `Sync`, hence the lock.
struct SharedService<S>(Mutex<S>);

impl<S: Clone> SharedService<S> {
    fn copy(&self) -> S {
        let service = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        service.clone()
    }
}

impl<S, B> Handler for SharedService<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
{
    fn handle(
        self: Arc<Self>,
        request: Request<Full<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = HandlerResult> + Send>> {
        Box::pin(async move {
            let mut service = self.copy();
            poll_fn(|cx| service.poll_ready(cx))
                .await
                .map_err(Into::into)?;
            let response = service.call(request).await.map_err(Into::into)?;
            Ok(response.status())
        })
    }
}
