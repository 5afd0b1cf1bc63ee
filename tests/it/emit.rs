//! Every recorded exchange with a real Better Auth server, through the real layer and store.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tower_auth_sync::body::BoxError;
use tower_auth_sync::clock::UnixMillis;
use tower_auth_sync::delivery::{
    DeliveryStore as _, Emitter, EndpointStore as _, LeaseRequest, MemoryStore, NewEndpoint,
};
use tower_auth_sync::egress::EgressPolicy;
use tower_auth_sync::emit::{
    ActiveSession, BetterAuthRoutes, CapturedBody, Emit, GetSession, SyncEmitterLayer,
};
use tower_auth_sync::event::{AuthEvent, Resource, SessionHandle, User};
use tower_auth_sync::retry::AttemptNumber;
use tower_auth_sync::signature::Scheme;
use tower_auth_sync::testing::ManualClock;

const NOW: UnixMillis = UnixMillis::from_millis(1_795_308_481_813);

/// Exchanges whose event cannot be told from request, response and session, and why.
const NOT_EMITTED: &[(&str, &str)] = &[(
    "25-reset-password",
    "nobody is signed in, and neither request nor response names the user",
)];

/// What stands in a recording for a secret that was taken out.
const REDACTED: &str = "REDACTED";
/// What the test puts in its place.
const PLANTED: &str = "pLaNtEd-0123456789.signature";

struct Recording {
    name: String,
    value: Value,
}

impl Recording {
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/better-auth");
        let mut all: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.file_name().unwrap().to_str().unwrap().as_bytes()[0].is_ascii_digit()
            })
            .map(|path| Self {
                name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                value: serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(),
            })
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(all.len(), 92);
        all
    }

    fn one(name: &str) -> Self {
        Self::all().into_iter().find(|it| it.name == name).unwrap()
    }

    fn expected(&self) -> Vec<&str> {
        let events = self.value["events"].as_array().unwrap();
        events.iter().map(|it| it.as_str().unwrap()).collect()
    }

    fn request(&self) -> Request {
        let recorded = &self.value["request"];
        let mut request = Request::builder()
            .method(recorded["method"].as_str().unwrap())
            .uri(recorded["path"].as_str().unwrap());
        for (name, value) in headers(recorded) {
            request = request.header(name, value);
        }
        for cookie in recorded["cookies"].as_array().unwrap() {
            let cookie = format!("{}={PLANTED}", cookie.as_str().unwrap());
            request = request.header(header::COOKIE, cookie);
        }
        request.body(Body::from(body(recorded))).unwrap()
    }

    fn response(&self) -> Response {
        let recorded = &self.value["response"];
        let status = recorded["status"].as_u64().unwrap();
        let mut response = Response::builder().status(u16::try_from(status).unwrap());
        for (name, value) in headers(recorded) {
            if name != "transfer-encoding" {
                response = response.header(name, value);
            }
        }
        response.body(Body::from(body(recorded))).unwrap()
    }

    /// The texts that must not be in any payload.
    fn secrets(&self) -> Vec<String> {
        let mut secrets = vec![PLANTED.to_owned(), "pLaNtEd-0123456789".to_owned()];
        for side in ["request", "response"] {
            collect_secrets(&self.value[side]["body"], &mut secrets);
        }
        let path = self.value["request"]["path"].as_str().unwrap();
        let token = path
            .split_once("token=")
            .map(|(_, rest)| rest.split('&').next().unwrap());
        secrets.extend(token.map(str::to_owned));
        secrets
    }
}

fn headers(recorded: &Value) -> impl Iterator<Item = (&str, String)> {
    recorded["headers"].as_array().unwrap().iter().map(|pair| {
        let (name, value) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        (name, value.replace(REDACTED, PLANTED))
    })
}

fn body(recorded: &Value) -> Vec<u8> {
    match recorded.get("body") {
        Some(body) => body.to_string().into_bytes(),
        None => recorded["text"].as_str().unwrap_or_default().into(),
    }
}

fn collect_secrets(value: &Value, secrets: &mut Vec<String>) {
    const NAMES: [&str; 10] = [
        "password",
        "newPassword",
        "currentPassword",
        "token",
        "sessionToken",
        "key",
        "otp",
        "code",
        "totpURI",
        "backupCodes",
    ];
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if NAMES.contains(&key.as_str()) => {
                        secrets.push(text.clone());
                    }
                    Value::Array(texts) if NAMES.contains(&key.as_str()) => {
                        secrets.extend(texts.iter().map(|it| it.as_str().unwrap().to_owned()));
                    }
                    other => collect_secrets(other, secrets),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|it| collect_secrets(it, secrets)),
        _ => {}
    }
}

fn emitter(store: &MemoryStore) -> Emitter {
    Emitter::new(store.clone()).with_clock(ManualClock::at(NOW))
}

struct Stage {
    store: MemoryStore,
    layer: SyncEmitterLayer,
}

impl Stage {
    async fn new() -> Self {
        let store = MemoryStore::new();
        let url = "https://crm.example.com/hook";
        let secret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let endpoint =
            NewEndpoint::new(url, Scheme::banata(), secret, &EgressPolicy::public()).unwrap();
        store.create(endpoint, NOW).await.unwrap();
        let emitter = emitter(&store);
        let layer = SyncEmitterLayer::new(emitter, BetterAuthRoutes::default());
        Self { store, layer }
    }

    fn with_sessions(mut self, before: Value, after: Value) -> Self {
        let answers = Arc::new(Mutex::new(vec![after, before]));
        self.layer = self.layer.with_sessions(move |headers: HeaderMap| {
            let known =
                headers.contains_key(header::COOKIE) || headers.contains_key(header::AUTHORIZATION);
            let answer = known.then(|| answers.lock().unwrap().pop().unwrap());
            let session = answer.as_ref().and_then(ActiveSession::from_json);
            async { Ok::<_, BoxError>(session) }
        });
        self
    }

    /// Runs a recording through the layer; checks that both sides see the very same messages.
    async fn run(&self, recording: &Recording) -> Vec<Bytes> {
        let (parts, sent) = recording.request().into_parts();
        let sent = to_bytes(sent, usize::MAX).await.unwrap();
        let expected = (parts.headers.clone(), sent.clone());
        let response = Arc::new(Mutex::new(Some(recording.response())));
        let inner = service_fn(move |request: http::Request<CapturedBody<Body>>| {
            let expected = expected.clone();
            let response = response.lock().unwrap().take().unwrap();
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(Body::new(body), usize::MAX).await?;
                assert_eq!((parts.headers, body), expected);
                Ok::<_, BoxError>(response)
            }
        });
        let service = ServiceBuilder::new()
            .layer(self.layer.clone())
            .service(inner);
        let request = Request::from_parts(parts, Body::from(sent));
        let answered = service.oneshot(request).await.unwrap();

        let wanted = recording.response();
        assert_eq!(answered.status(), wanted.status(), "{}", recording.name);
        assert_eq!(answered.headers(), wanted.headers(), "{}", recording.name);
        let bytes = to_bytes(Body::new(answered.into_body()), usize::MAX);
        let wanted = to_bytes(wanted.into_body(), usize::MAX).await.unwrap();
        assert_eq!(bytes.await.unwrap(), wanted, "{}", recording.name);
        self.payloads().await
    }

    async fn payloads(&self) -> Vec<Bytes> {
        let many = NonZeroU16::new(100).unwrap();
        let request = LeaseRequest {
            max: many,
            per_endpoint: many,
            max_attempts: AttemptNumber::FIRST,
            now: NOW,
            until: NOW.saturating_add(Duration::from_secs(60)),
        };
        let leases = self.store.lease(request).await.unwrap();
        leases.into_iter().map(|lease| lease.payload).collect()
    }
}

fn names(payloads: &[Bytes]) -> Vec<String> {
    let name = |payload: &Bytes| {
        AuthEvent::from_slice(payload)
            .unwrap()
            .event_type()
            .to_string()
    };
    payloads.iter().map(name).collect()
}

#[tokio::test]
async fn every_recorded_exchange_makes_exactly_its_events() {
    let not_emitted: BTreeMap<_, _> = NOT_EMITTED.iter().copied().collect();
    for recording in Recording::all() {
        let (before, after) = signed_in(&recording.name);
        let stage = Stage::new().await.with_sessions(before, after);
        let payloads = stage.run(&recording).await;
        let expected = match not_emitted.get(recording.name.as_str()) {
            Some(_why) => Vec::new(),
            None => recording.expected(),
        };
        assert_eq!(names(&payloads), expected, "{}", recording.name);
    }
}

#[tokio::test]
async fn without_sessions_the_exchanges_that_need_one_make_no_event() {
    for recording in Recording::all() {
        let name = recording.name.as_str();
        let payloads = Stage::new().await.run(&recording).await;
        let silent = NEED_A_SESSION.contains(&name) || NOT_EMITTED.iter().any(|it| it.0 == name);
        let expected = if silent {
            Vec::new()
        } else {
            recording.expected()
        };
        assert_eq!(names(&payloads), expected, "{name}");
    }
}

#[tokio::test]
async fn the_lists_of_exceptions_name_only_exchanges_that_have_events() {
    let excepted = NOT_EMITTED
        .iter()
        .map(|it| it.0)
        .chain(NEED_A_SESSION.iter().copied());
    for name in excepted {
        assert!(!Recording::one(name).expected().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn no_secret_of_a_recorded_exchange_is_in_a_payload() {
    let mut judged = 0;
    for recording in Recording::all() {
        let (before, after) = signed_in(&recording.name);
        let mut secrets = recording.secrets();
        collect_secrets(&before, &mut secrets);
        let stage = Stage::new().await.with_sessions(before, after);
        for payload in stage.run(&recording).await {
            let text = String::from_utf8(payload.to_vec()).unwrap();
            for secret in &secrets {
                assert!(!text.contains(secret), "{}: {secret}", recording.name);
            }
            judged += 1;
        }
    }
    assert!(judged > 40, "{judged}");
}

#[tokio::test]
async fn every_payload_is_a_resource_and_every_session_has_its_handle() {
    for recording in Recording::all() {
        let (before, after) = signed_in(&recording.name);
        let stage = Stage::new().await.with_sessions(before, after);
        for payload in stage.run(&recording).await {
            let event = AuthEvent::from_slice(&payload).unwrap();
            assert!(event.id().is_some());
            if let Resource::Session(session) = event.resource().unwrap() {
                assert!(session.handle.is_some(), "{}", recording.name);
            }
        }
    }
}

#[tokio::test]
async fn a_sign_up_is_told_as_the_user_and_a_session_by_its_handle() {
    let recording = Recording::one("01-sign-up-email");
    let payloads = Stage::new().await.run(&recording).await;
    let answered = &recording.value["response"]["body"];
    let created = AuthEvent::from_slice(&payloads[0]).unwrap();
    assert_eq!(created.data(), answered["user"].as_object().unwrap());
    let opened = AuthEvent::from_slice(&payloads[1]).unwrap();
    let handle = SessionHandle::of_token(answered["token"].as_str().unwrap());
    let expected = json!({"handle": handle, "userId": answered["user"]["id"]});
    assert_eq!(opened.data(), expected.as_object().unwrap());
}

async fn sign_up() -> axum::Json<Value> {
    axum::Json(json!({"token": "a-session-token", "user": {"id": "u1"}}))
}

fn post(path: &str) -> Request {
    Request::post(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn the_layer_fits_routers_routes_and_plain_services() {
    let route = || axum::routing::post(sign_up);
    let path = "/api/auth/sign-up/email";
    for way in 0..4 {
        let stage = Stage::new().await;
        let layer = stage.layer.clone();
        let app: Router = match way {
            0 => Router::new().route(path, route()).layer(layer),
            1 => Router::new().route(path, route()).route_layer(layer),
            2 => Router::new().route(path, route().layer(layer)),
            _ => Router::new().fallback_service(
                ServiceBuilder::new()
                    .layer(layer)
                    .service(Router::<()>::new().route(path, route())),
            ),
        };
        let response = app.oneshot(post(path)).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let payloads = stage.payloads().await;
        assert_eq!(
            names(&payloads),
            ["user.created", "session.created"],
            "{way}"
        );
    }
}

#[tokio::test]
async fn a_nested_layer_sees_the_path_without_its_prefix() {
    let stage = Stage::new().await;
    let rules = BetterAuthRoutes::default().base_path("");
    let layer = SyncEmitterLayer::new(emitter(&stage.store), rules);
    let auth = Router::new()
        .route("/sign-up/email", axum::routing::post(sign_up))
        .layer(layer);
    let app: Router = Router::new().nest("/api/auth", auth);
    app.oneshot(post("/api/auth/sign-up/email")).await.unwrap();
    let payloads = stage.payloads().await;
    assert_eq!(names(&payloads), ["user.created", "session.created"]);
}

#[tokio::test]
async fn a_handler_declares_its_events() {
    async fn register() -> (Emit, StatusCode) {
        let emit = Emit(AuthEvent::user_created(&User::new("u1")));
        (emit, StatusCode::CREATED)
    }
    let stage = Stage::new().await;
    let app: Router = Router::new()
        .route("/register", axum::routing::post(register))
        .layer(stage.layer.clone());
    app.oneshot(post("/register")).await.unwrap();
    assert_eq!(names(&stage.payloads().await), ["user.created"]);
}

#[tokio::test]
async fn a_router_can_be_asked_for_the_session_itself() {
    async fn get_session(headers: HeaderMap) -> axum::Json<Value> {
        assert_eq!(headers[header::COOKIE], "session=abc");
        let token = json!({"token": "a-session-token"});
        axum::Json(json!({"session": token, "user": {"id": "u1"}}))
    }
    async fn sign_out() -> axum::Json<Value> {
        axum::Json(json!({"success": true}))
    }
    let auth: Router = Router::new()
        .route("/api/auth/get-session", axum::routing::get(get_session))
        .route("/api/auth/sign-out", axum::routing::post(sign_out));
    let stage = Stage::new().await;
    let uri = "/api/auth/get-session".parse().unwrap();
    let layer = stage
        .layer
        .clone()
        .with_sessions(GetSession::new(auth.clone(), uri));
    let mut request = post("/api/auth/sign-out");
    let cookie = "session=abc".parse().unwrap();
    request.headers_mut().insert(header::COOKIE, cookie);
    auth.layer(layer).oneshot(request).await.unwrap();
    assert_eq!(names(&stage.payloads().await), ["session.revoked"]);
}
