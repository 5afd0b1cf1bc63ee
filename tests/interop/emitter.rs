//! The proxy of the interoperability run: a live auth server behind `SyncEmitterLayer`, and a mirror that is fed by its events
//! through a worker and `VerifyWebhookLayer`. `emitter.mjs` starts it.
//!
//! ```text
//! interop_emitter http://127.0.0.1:4000     # prints "listening http://127.0.0.1:PORT"
//! GET  /__events    events that arrived since the last call, once everything stored is delivered
//! POST /__mirror    {"users":[id…],"sessions":[handle…]} → the mirror's rows of those that it has
//! POST /__tell      [{"event","data"}…]: events from elsewhere, which put right what no state tells
//! ```
#![allow(clippy::print_stdout, reason = "the script reads where it listens")]

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router, body::Body};
use bytes::Bytes;
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::{Parts, PathAndQuery};
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::{ServiceBuilder, service_fn};
use tower_auth_sync::BoxError;
use tower_auth_sync::better_auth::BetterAuthRoutes;
use tower_auth_sync::body::BufferedBody;
use tower_auth_sync::clock::{Clock as _, SystemClock};
use tower_auth_sync::egress::{EgressPolicy, Network};
use tower_auth_sync::emit::SyncEmitterLayer;
use tower_auth_sync::event::{AuthEvent, SessionHandle};
use tower_auth_sync::mirror::{MemoryMirror, Mirror};
use tower_auth_sync::outbox::{Emitter, Endpoints, MemoryOutbox, NewEndpoint, OutboxStore as _};
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::Secret;
use tower_auth_sync::session::GetSession;
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::verify::VerifyWebhookLayer;
use tower_auth_sync::worker::Worker;

type Upstream = Client<HttpConnector, Body>;

#[derive(Clone)]
struct Proxy {
    store: MemoryOutbox,
    emitter: Emitter,
    mirror: Mirror,
    arrived: Arc<Mutex<Vec<Value>>>,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    let upstream: Uri = std::env::args()
        .nth(1)
        .ok_or("no auth server is named")?
        .parse()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);

    let store = MemoryOutbox::new();
    let secret = Secret::generate();
    let egress = EgressPolicy::allow(Network::LOOPBACK);
    let hook = format!("{address}/__hook");
    let endpoint = NewEndpoint::new_with(&hook, Scheme::banata(), secret.clone(), &egress)?;
    let _issued = Endpoints::from(&store).create(endpoint).await?;
    let worker = Worker::builder(store.clone()).egress(egress).build()?;
    tokio::spawn(worker.run(CancellationToken::new()));

    let proxy = Proxy {
        emitter: Emitter::new(store.clone()),
        store,
        mirror: Mirror::new(MemoryMirror::new()),
        arrived: Arc::default(),
    };
    let verifier = Verifier::new(Scheme::banata(), [secret])?;
    let hook = post(on_event).layer(VerifyWebhookLayer::new(verifier).require_signed_id());
    let client: Upstream = Client::builder(TokioExecutor::new()).build_http();
    let behind = upstream.clone();
    let auth = ServiceBuilder::new()
        .layer(layer(proxy.emitter.clone(), &upstream)?)
        .service(service_fn(move |request: Request<BufferedBody<Body>>| {
            let (client, upstream) = (client.clone(), behind.clone());
            async move { Ok(forward(&client, &upstream, request.map(Body::new)).await) }
        }));
    let app = Router::new()
        .route("/__hook", hook)
        .route("/__events", get(events))
        .route("/__mirror", post(rows))
        .route("/__tell", post(tell))
        .with_state(proxy)
        .fallback_service(auth);
    println!("listening {address}");
    axum::serve(listener, app).await?;
    Ok(())
}

/// The only place that knows how the layer is made.
fn layer(emitter: Emitter, upstream: &Uri) -> Result<SyncEmitterLayer, BoxError> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let look = PathAndQuery::from_static("/api/auth/get-session");
    let routes = BetterAuthRoutes::new(GetSession::new(client, target(upstream, Some(&look))?));
    Ok(SyncEmitterLayer::new(emitter, routes))
}

async fn forward(client: &Upstream, upstream: &Uri, mut request: Request<Body>) -> Response<Body> {
    let Ok(uri) = target(upstream, request.uri().path_and_query()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    *request.uri_mut() = uri;
    for name in [HOST, CONNECTION, TRANSFER_ENCODING] {
        request.headers_mut().remove(name);
    }
    match client.request(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(_unreachable) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

fn target(upstream: &Uri, path: Option<&PathAndQuery>) -> Result<Uri, http::uri::InvalidUriParts> {
    let mut parts = Parts::default();
    parts.scheme = upstream.scheme().cloned();
    parts.authority = upstream.authority().cloned();
    parts.path_and_query = path.cloned();
    Uri::from_parts(parts)
}

/// Applies an event to the mirror, and keeps what became of it.
async fn on_event(State(proxy): State<Proxy>, body: Bytes) -> StatusCode {
    let mut arrival: Value = serde_json::from_slice(&body).unwrap_or_default();
    let applied = async {
        let event = AuthEvent::from_slice(&body)?;
        Ok::<_, BoxError>(proxy.mirror.apply(&event).await?)
    };
    let outcome = match applied.await {
        Ok(applied) => format!("{applied:?}"),
        Err(refused) => format!("refused: {refused}"),
    };
    if let Value::Object(event) = &mut arrival {
        event.insert("applied".to_owned(), outcome.into());
    }
    let mut arrived = proxy.arrived.lock().unwrap_or_else(PoisonError::into_inner);
    arrived.push(arrival);
    StatusCode::NO_CONTENT
}

async fn events(State(proxy): State<Proxy>) -> Result<Json<Vec<Value>>, StatusCode> {
    for _ in 0..1000 {
        let now = SystemClock.now();
        match proxy.store.next_due(NonZeroU16::MAX, now).await {
            Ok(Some(_waits)) => tokio::time::sleep(Duration::from_millis(5)).await,
            Ok(None) => {
                let mut arrived = proxy.arrived.lock().unwrap_or_else(PoisonError::into_inner);
                return Ok(Json(std::mem::take(&mut *arrived)));
            }
            Err(_failed) => return Err(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
    Err(StatusCode::GATEWAY_TIMEOUT)
}

#[derive(Deserialize)]
struct Wanted {
    users: Vec<String>,
    sessions: Vec<SessionHandle>,
}

async fn rows(
    State(proxy): State<Proxy>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, StatusCode> {
    let failed = |_error| StatusCode::INTERNAL_SERVER_ERROR;
    let (mut users, mut sessions) = (Vec::new(), Vec::new());
    for id in &wanted.users {
        users.extend(proxy.mirror.user(id).await.map_err(failed)?);
    }
    for handle in &wanted.sessions {
        sessions.extend(proxy.mirror.session(handle).await.map_err(failed)?);
    }
    Ok(Json(json!({"user": users, "session": sessions})))
}

#[derive(Deserialize)]
struct Told {
    event: String,
    data: Map<String, Value>,
}

async fn tell(State(proxy): State<Proxy>, Json(told): Json<Vec<Told>>) -> StatusCode {
    for Told { event, data } in told {
        let Ok(event) = event.parse() else {
            return StatusCode::BAD_REQUEST;
        };
        if proxy
            .emitter
            .emit(AuthEvent::new(event, data))
            .await
            .is_err()
        {
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
    }
    StatusCode::NO_CONTENT
}
