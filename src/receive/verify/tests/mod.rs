//! The layer through its service, without a socket.

mod bodies;
mod claims;
mod doctor;
#[cfg(feature = "axum")]
mod extract;
mod log;
mod metrics;
mod readiness;
mod refusals;
mod replays;
mod spans;
mod stores;
mod tenants;

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::Notify;
use tower::{Layer as _, Service, ServiceExt as _};

use super::layer::VerifyWebhookLayer;
use super::rejection::WebhookRejection;
use super::service::VerifyWebhook;
use crate::base::clock::UnixTime;
use crate::base::error::BoxError;
use crate::base::id::MessageId;
use crate::http::body::ResponseBody;
use crate::testing::ManualClock;
use crate::wire::event::VerifiedWebhook;
use crate::wire::scheme::Scheme;
use crate::wire::signature::{Signer, Verifier};

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
/// Valid in every preset: the text after the prefix is base64 of 24 bytes.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";
const OTHER_SECRET: &str = "whsec_bm1sa2ppaGdmZWRjYmE5ODc2NTQzMjEw";
const BODY: &str = r#"{"event":"user.created","data":{}}"#;

type Answer = Response<Full<Bytes>>;
type Handling = Pin<Box<dyn Future<Output = Result<Answer, &'static str>> + Send>>;

/// What the handler does with the next requests.
#[derive(Clone)]
enum Act {
    Answer(StatusCode),
    Fail,
    Panic,
    PanicInCall,
    Hang,
    /// Signals that it runs, then waits for the end.
    Wait {
        running: Arc<Notify>,
        end: Arc<Notify>,
    },
}

/// A handler that counts, remembers the bodies, and panics unless it was polled ready.
struct Handler {
    seen: Arc<Mutex<Vec<(Bytes, VerifiedWebhook)>>>,
    act: Arc<Mutex<Act>>,
    is_ready: bool,
}

impl Handler {
    fn new() -> Self {
        Self {
            seen: Arc::default(),
            act: Arc::new(Mutex::new(Act::Answer(StatusCode::NO_CONTENT))),
            is_ready: false,
        }
    }

    fn calls(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    fn last(&self) -> (Bytes, VerifiedWebhook) {
        self.seen.lock().unwrap().last().unwrap().clone()
    }

    fn act(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }
}

impl Clone for Handler {
    fn clone(&self) -> Self {
        Self {
            seen: Arc::clone(&self.seen),
            act: Arc::clone(&self.act),
            is_ready: false,
        }
    }
}

impl Service<Request<Full<Bytes>>> for Handler {
    type Response = Answer;
    type Error = &'static str;
    type Future = Handling;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Handling {
        assert!(self.is_ready, "called without having been polled ready");
        self.is_ready = false;
        let seen = Arc::clone(&self.seen);
        let act = self.act.lock().unwrap().clone();
        assert!(!matches!(act, Act::PanicInCall), "told to panic");
        Box::pin(async move {
            let delivered = request
                .extensions()
                .get::<VerifiedWebhook>()
                .unwrap()
                .clone();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            seen.lock().unwrap().push((body, delivered));
            let status = match act {
                Act::Answer(status) => status,
                Act::Fail => return Err("told to fail"),
                Act::Panic | Act::PanicInCall => panic!("told to panic"),
                Act::Hang => pending().await,
                Act::Wait { running, end } => {
                    running.notify_one();
                    end.notified().await;
                    StatusCode::OK
                }
            };
            let mut answer = Response::new(Full::from("handled"));
            *answer.status_mut() = status;
            Ok(answer)
        })
    }
}

/// A receiver under test: the layer around a [`Handler`], and the clock of its verifier.
#[derive(Clone)]
struct Receiver {
    service: VerifyWebhook<Handler>,
    handler: Handler,
    clock: ManualClock,
}

impl Receiver {
    fn new(scheme: Scheme) -> Self {
        Self::with(scheme, |layer| layer)
    }

    fn with(
        scheme: Scheme,
        configure: impl FnOnce(VerifyWebhookLayer) -> VerifyWebhookLayer,
    ) -> Self {
        let clock = ManualClock::at(NOW);
        let handler = Handler::new();
        let layer = configure(VerifyWebhookLayer::new(verifier(scheme, &clock)));
        Self {
            service: layer.layer(handler.clone()),
            handler,
            clock,
        }
    }

    async fn try_send<B>(&self, request: Request<B>) -> Result<Reply, &'static str>
    where
        B: Body<Error: Into<BoxError>, Data: Send> + Send + 'static,
    {
        let response = self.service.clone().oneshot(request).await?;
        Ok(Reply::read(response).await)
    }

    async fn send<B>(&self, request: Request<B>) -> Reply
    where
        B: Body<Error: Into<BoxError>, Data: Send> + Send + 'static,
    {
        self.try_send(request).await.unwrap()
    }
}

/// A response, read whole.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    reason: Option<WebhookRejection>,
}

impl Reply {
    async fn read(response: Response<ResponseBody<Full<Bytes>>>) -> Self {
        let (parts, body) = response.into_parts();
        let body: Result<_, Infallible> = body.collect().await;
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.unwrap().to_bytes(),
            reason: parts.extensions.get().cloned(),
        }
    }

    fn slug(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        let slug = problem["type"].as_str().unwrap();
        slug.rsplit(':').next().unwrap().to_owned()
    }

    #[track_caller]
    fn assert_refused(&self, status: u16, slug: &str) {
        assert_eq!((self.status.as_u16(), self.slug().as_str()), (status, slug));
    }

    #[track_caller]
    fn assert_duplicate(&self) {
        assert_eq!((self.status, self.body.len()), (StatusCode::OK, 0));
        assert!(matches!(self.reason, Some(WebhookRejection::Duplicate)));
    }

    #[track_caller]
    fn assert_handled(&self) {
        assert!(self.status.is_success(), "{self:?}");
        assert_eq!((&self.body[..], &self.reason), (&b"handled"[..], &None));
    }
}

fn verifier(scheme: Scheme, clock: &ManualClock) -> Verifier {
    let builder = Verifier::builder(scheme).secret(SECRET).unwrap();
    builder.clock(clock.clone()).build().unwrap()
}

/// A genuine request, signed now.
fn signed(scheme: Scheme, id: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    signed_at(NOW, scheme, id, body)
}

fn signed_at(
    time: UnixTime,
    scheme: Scheme,
    id: &str,
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let body = body.into();
    let id = MessageId::new(id).unwrap();
    let signer = Signer::new(scheme, [SECRET]).unwrap();
    let mut request = Request::post("/webhooks")
        .body(Full::new(body.clone()))
        .unwrap();
    signer
        .sign_at(&id, time, &body)
        .apply(request.headers_mut());
    request
}

fn banata(id: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    signed(Scheme::banata(), id, body)
}

fn standard(id: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    signed(Scheme::standard_webhooks(), id, body)
}

fn with_header<B>(mut request: Request<B>, name: &'static str, value: &str) -> Request<B> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}
