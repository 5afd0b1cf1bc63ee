//! Mirror service: a handler of webhooks.

use std::convert::Infallible;
use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower_service::Service;

use super::handle::{Mirror, MirrorError};
use crate::wire::event::{AuthEvent, VerifiedWebhook};
use crate::wire::problem::{Problem, ProblemKind};

/// Applies the events it receives to a [`Mirror`]; made by [`Mirror::service`].
///
/// It reads the event from [`VerifiedWebhook`], which `VerifyWebhookLayer` leaves in the request's
/// extensions, and never from the request's body. Responses:
///
/// * 204 when the event is applied, also if it changes nothing or the mirror does not keep its
///   kind,
/// * 400 `body-malformed` when the signed body is not an event,
/// * 503 with `Retry-After` when the store fails: the sender's retry applies it,
/// * 500 without `VerifiedWebhook`: the route is not behind the layer.
///
/// ```
/// use tower_auth_sync::mirror::{MemoryMirror, Mirror};
///
/// let mirror = Mirror::new(MemoryMirror::new());
/// let service = mirror.service(); // behind `VerifyWebhookLayer`, with axum: `post_service(service)`
/// ```
#[derive(Clone, Debug)]
pub struct MirrorService {
    mirror: Mirror,
}

impl Mirror {
    /// Returns a handler that applies the events it receives. Place it behind `VerifyWebhookLayer`.
    ///
    /// ```
    /// # #[cfg(feature = "axum")] {
    /// use axum::{Router, routing::post_service};
    /// use tower_auth_sync::mirror::{MemoryMirror, Mirror};
    /// use tower_auth_sync::scheme::Scheme;
    /// use tower_auth_sync::signature::Verifier;
    /// use tower_auth_sync::verify::VerifyWebhookLayer;
    ///
    /// let verifier = Verifier::new(Scheme::banata(), ["whsec_not-a-secret-but-an-example"])?;
    /// let mirror = Mirror::new(MemoryMirror::new());
    /// let handler = post_service(mirror.service()).layer(VerifyWebhookLayer::new(verifier));
    /// let app: Router = Router::new().route("/webhooks/auth", handler);
    /// # }
    /// # Ok::<(), tower_auth_sync::signature::WebhookConfigError>(())
    /// ```
    #[must_use]
    pub fn service(&self) -> MirrorService {
        MirrorService {
            mirror: self.clone(),
        }
    }
}

impl<B> Service<Request<B>> for MirrorService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let webhook = request.extensions().get::<VerifiedWebhook>().cloned();
        let mirror = self.mirror.clone();
        ResponseFuture(Box::pin(async move {
            match webhook {
                Some(webhook) => receive(&mirror, &webhook).await,
                None => missing_layer(),
            }
        }))
    }
}

/// Response future of [`MirrorService`].
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Response<Full<Bytes>>> + Send>>);

impl Future for ResponseFuture {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

async fn receive(mirror: &Mirror, webhook: &VerifiedWebhook) -> Response<Full<Bytes>> {
    let applied = match AuthEvent::from_slice(webhook.body()) {
        Ok(event) => mirror.apply(&event).await,
        Err(error) => Err(MirrorError::from(error)),
    };
    match applied {
        Ok(applied) => {
            tracing::debug!(id = webhook.id(), ?applied, "mirrored an event");
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        Err(error) => refuse(&error, webhook),
    }
}

fn refuse(error: &MirrorError, webhook: &VerifiedWebhook) -> Response<Full<Bytes>> {
    let id = webhook.id();
    let problem = match error {
        MirrorError::Decode(cause) => {
            tracing::warn!(id, error = %cause, "a signed event does not decode");
            Problem::new(ProblemKind::BODY_MALFORMED).with_detail(cause.to_string())
        }
        MirrorError::Store(cause) => {
            tracing::error!(id, error = %cause, cause = cause.source(), "cannot mirror an event");
            Problem::new(ProblemKind::STORE_UNAVAILABLE).with_retry_after(RETRY_AFTER_SECS)
        }
    };
    problem.to_response().map(Full::new)
}

fn missing_layer() -> Response<Full<Bytes>> {
    const WHY: &str = "the mirror's service is not behind `VerifyWebhookLayer`";
    tracing::error!(WHY);
    let problem = Problem::new(ProblemKind::INTERNAL).with_detail(WHY);
    problem.to_response().map(Full::new)
}

/// A restarting store is back by then.
const RETRY_AFTER_SECS: u32 = 5;
