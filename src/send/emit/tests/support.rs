//! A store that does as it is told, and services whose calls are counted.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tower_service::Service;

use crate::base::clock::UnixMillis;
use crate::base::error::{BoxError, StoreError};
use crate::base::id::MessageId;
use crate::http::body::BufferedBody;
use crate::queue::{QueueListener, QueueNotify};
use crate::send::better_auth::BetterAuthRoutes;
use crate::send::emit::exchange::Exchange;
use crate::send::emit::layer::SyncEmitterLayer;
use crate::send::outbox::{
    DeliveryLease, Emitter, Inserted, LeaseRequest, NewEvent, Outbox, OutboxStore, Settled,
    Settlement,
};
use crate::session::{ActiveSession, SessionLookup};
use crate::wire::event::AuthEvent;

/// Keeps events, or refuses them.
#[derive(Clone)]
pub(super) struct TestStore(Arc<State>);

struct State {
    events: Mutex<Vec<NewEvent>>,
    down: AtomicBool,
    hung: AtomicBool,
    /// How many more calls of `enqueue` fail.
    refusals: AtomicUsize,
    /// The ids that each call of `enqueue` was given.
    tries: Mutex<Vec<Vec<MessageId>>>,
    /// A permit for each call of `enqueue` that may go on.
    gate: Semaphore,
}

impl TestStore {
    pub(super) fn new() -> Self {
        Self(Arc::new(State {
            events: Mutex::default(),
            down: AtomicBool::new(false),
            hung: AtomicBool::new(false),
            refusals: AtomicUsize::new(0),
            tries: Mutex::default(),
            gate: Semaphore::new(1_000),
        }))
    }

    pub(super) fn closed() -> Self {
        let store = Self::new();
        store.0.gate.forget_permits(1_000);
        store
    }

    pub(super) fn open(&self) {
        self.0.gate.add_permits(1_000);
    }

    pub(super) fn take_down(&self) {
        self.0.down.store(true, Ordering::SeqCst);
    }

    pub(super) fn fill(&self) {
        self.refuse(usize::MAX);
    }

    pub(super) fn refuse(&self, times: usize) {
        self.0.refusals.store(times, Ordering::SeqCst);
    }

    pub(super) fn hang(&self) {
        self.0.hung.store(true, Ordering::SeqCst);
    }

    pub(super) fn tries(&self) -> Vec<Vec<MessageId>> {
        self.0.tries.lock().unwrap().clone()
    }

    pub(super) fn emitter(&self) -> Emitter {
        Emitter::new(Outbox::new(self.clone()))
    }

    pub(super) fn layer(&self) -> SyncEmitterLayer {
        SyncEmitterLayer::new(self.emitter(), routes())
    }

    pub(super) fn layer_with(&self, lookup: impl SessionLookup) -> SyncEmitterLayer {
        SyncEmitterLayer::new(self.emitter(), BetterAuthRoutes::new(lookup))
    }

    pub(super) fn names(&self) -> Vec<String> {
        let events = self.0.events.lock().unwrap();
        events.iter().map(|it| it.event_type.to_string()).collect()
    }

    pub(super) fn data(&self) -> Vec<Value> {
        let events = self.0.events.lock().unwrap();
        let data = |event: &NewEvent| {
            Value::Object(
                AuthEvent::from_slice(&event.payload)
                    .unwrap()
                    .data()
                    .clone(),
            )
        };
        events.iter().map(data).collect()
    }
}

impl OutboxStore for TestStore {
    async fn ping(&self) -> Result<(), StoreError> {
        if self.0.hung.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.0.down.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("down"));
        }
        Ok(())
    }

    async fn enqueue(
        &self,
        events: Vec<NewEvent>,
        _now: UnixMillis,
    ) -> Result<Vec<Inserted>, StoreError> {
        let ids = events.iter().map(|it| it.id.clone()).collect();
        self.0.tries.lock().unwrap().push(ids);
        self.0.gate.acquire().await.unwrap().forget();
        let one_less = |left: usize| left.checked_sub(1);
        let refusals = &self.0.refusals;
        let refused = refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if refused.is_ok() {
            return Err(StoreError::unavailable("full"));
        }
        let inserted = events.iter().map(|it| Inserted::New {
            id: it.id.clone(),
            deliveries: 0,
        });
        let inserted = inserted.collect();
        self.0.events.lock().unwrap().extend(events);
        Ok(inserted)
    }

    async fn lease(
        &self,
        _per_endpoint: std::num::NonZeroU16,
        _request: LeaseRequest,
    ) -> Result<Vec<DeliveryLease>, StoreError> {
        Ok(Vec::new())
    }

    async fn settle(
        &self,
        _lease: &DeliveryLease,
        _settlement: Settlement,
        _now: UnixMillis,
    ) -> Result<Settled, StoreError> {
        Err(StoreError::lease_lost())
    }

    async fn extend(&self, _lease: &DeliveryLease, _until: UnixMillis) -> Result<(), StoreError> {
        Err(StoreError::lease_lost())
    }

    async fn release(&self, _lease: &DeliveryLease, _now: UnixMillis) -> Result<(), StoreError> {
        Err(StoreError::lease_lost())
    }

    async fn next_due(
        &self,
        _per_endpoint: std::num::NonZeroU16,
        _now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        Ok(None)
    }

    async fn prune(
        &self,
        _before: UnixMillis,
        _max: std::num::NonZeroU16,
    ) -> Result<usize, StoreError> {
        Ok(0)
    }

    fn listen(&self) -> QueueListener {
        QueueNotify::new().listen()
    }
}

/// Better Auth's routes where nobody is signed in.
pub(super) fn routes() -> BetterAuthRoutes {
    BetterAuthRoutes::new(|_: HeaderMap| async { Ok::<Option<ActiveSession>, BoxError>(None) })
}

/// Counts calls; panics when it is called without having been polled ready.
pub(super) struct Counting<F> {
    answer: F,
    calls: Arc<AtomicUsize>,
    ready: bool,
}

impl<F: Clone> Clone for Counting<F> {
    fn clone(&self) -> Self {
        Self {
            answer: self.answer.clone(),
            calls: Arc::clone(&self.calls),
            ready: false,
        }
    }
}

impl<F> Counting<F> {
    pub(super) fn new(answer: F) -> Self {
        Self {
            answer,
            calls: Arc::default(),
            ready: false,
        }
    }

    pub(super) fn calls(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.calls)
    }
}

impl<F, Fut, B, A> Service<Request<B>> for Counting<F>
where
    F: Fn(Request<B>) -> Fut,
    Fut: Future<Output = Response<A>>,
{
    type Response = Response<A>;
    type Error = Infallible;
    type Future = Answering<Fut>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering<Fut> {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being polled ready"
        );
        self.calls.fetch_add(1, Ordering::SeqCst);
        Answering(Box::pin((self.answer)(request)))
    }
}

pub(super) struct Answering<Fut>(std::pin::Pin<Box<Fut>>);

impl<Fut: Future> Future for Answering<Fut> {
    type Output = Result<Fut::Output, Infallible>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

pub(super) type TestBody = BufferedBody<Full<Bytes>>;

pub(super) fn post(path: &str, json: &Value) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(json.to_string()))
        .unwrap()
}

pub(super) fn answer(json: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .body(Full::from(json.to_string()))
        .unwrap()
}

pub(super) fn sign_in_answer() -> Response<Full<Bytes>> {
    answer(&serde_json::json!({"token": "a-session-token", "user": {"id": "u1"}}))
}

pub(super) async fn bytes_of<B>(body: B) -> Bytes
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    body.collect().await.unwrap().to_bytes()
}

pub(super) async fn slug_of<B>(response: Response<B>) -> (StatusCode, String)
where
    B: Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let status = response.status();
    let body: Value = serde_json::from_slice(&bytes_of(response.into_body()).await).unwrap();
    let slug = body["type"].as_str().unwrap().rsplit(':').next().unwrap();
    (status, slug.to_owned())
}

pub(super) type Frames = mpsc::UnboundedSender<Frame<Bytes>>;

/// A body whose frames are sent by the test.
pub(super) fn streamed() -> (
    Frames,
    impl Body<Data = Bytes, Error = Infallible> + Send + 'static,
) {
    let (send, mut receive) = mpsc::unbounded_channel();
    let frames = Poller(move |cx: &mut Context<'_>| receive.poll_recv(cx).map(|it| it.map(Ok)));
    (send, StreamBody::new(frames))
}

struct Poller<F>(F);

impl<F, T> futures_core::Stream for Poller<F>
where
    F: FnMut(&mut Context<'_>) -> Poll<Option<T>> + Unpin,
{
    type Item = T;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        (self.0)(cx)
    }
}

/// An exchange as rules see it.
pub(super) fn exchange(
    method: Method,
    uri: &str,
    sent: &Value,
    status: StatusCode,
    answered: &Value,
) -> Exchange {
    exchange_with(method, uri, &HeaderMap::new(), sent, status, answered)
}

pub(super) fn exchange_with(
    method: Method,
    uri: &str,
    headers: &HeaderMap,
    sent: &Value,
    status: StatusCode,
    answered: &Value,
) -> Exchange {
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri.parse().unwrap();
    *request.headers_mut() = headers.clone();
    let mut response = Response::new(());
    *response.status_mut() = status;
    Exchange::new(
        request.into_parts().0,
        sent.clone(),
        response.into_parts().0,
        answered.clone(),
    )
}
