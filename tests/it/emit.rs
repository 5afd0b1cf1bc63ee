//! Every recorded exchange with a real Better Auth server, through the real layer and store.

use std::num::NonZeroU16;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tower_auth_sync::BoxError;
use tower_auth_sync::better_auth::BetterAuthRoutes;
use tower_auth_sync::body::BufferedBody;
use tower_auth_sync::clock::UnixMillis;
use tower_auth_sync::emit::{Emit, SyncEmitterLayer};
use tower_auth_sync::event::{AuthEvent, Resource, SessionHandle, User};
use tower_auth_sync::outbox::{
    Emitter, Endpoints, LeaseRequest, MemoryOutbox, NewEndpoint, OutboxStore as _,
};
use tower_auth_sync::queue::AttemptNumber;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::session::{ActiveSession, GetSession, SessionLookup};
use tower_auth_sync::testing::ManualClock;

const NOW: UnixMillis = UnixMillis::from_millis(1_795_308_481_813);

/// Exchanges whose event cannot be told from request, response and session, and why.
const NOT_EMITTED: &[(&str, &str)] = &[(
    "25-reset-password",
    "nobody is signed in, and neither request nor response names the user",
)];

/// Exchanges that are told only by what a recording does not hold, and what that is. The interop run
/// has it.
const NEED_MORE: &[(&str, &str)] = &[
    (
        "116-sign-in-email-otp-unproven-self",
        "the session of the token in the body",
    ),
    ("163-device-token", "the session of the token in the body"),
    ("184-multi-session-sign-out", "the sessions of the device"),
    (
        "185-multi-session-revoke-other",
        "the sessions of the device",
    ),
    (
        "186-admin-revoke-user-session-made-up",
        "the session of the token",
    ),
    ("187-admin-unban-user-not-banned", "the user before"),
    ("190-admin-ban-user-again", "the user before"),
    ("191-admin-update-user-bans", "the user before"),
    ("192-admin-update-user-unbans", "the user before"),
    ("193-admin-set-role-same", "the user before"),
    (
        "196-organization-cancel-invitation-again",
        "the invitation before",
    ),
];

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
        assert_eq!(all.len(), 212);
        all
    }

    fn one(name: &str) -> Self {
        Self::all().into_iter().find(|it| it.name == name).unwrap()
    }

    fn expected(&self) -> Vec<&str> {
        let events = self.value["events"].as_array().unwrap();
        events.iter().map(|it| it.as_str().unwrap()).collect()
    }

    /// What a recording may tell besides its events.
    fn arguable(&self) -> Vec<&str> {
        let also = self.value.get("also").and_then(Value::as_array);
        let also = also.into_iter().flatten();
        also.map(|it| it.as_str().unwrap()).collect()
    }

    /// Why the caller's session does not tell its events, if it does not.
    fn untold(&self) -> Option<&str> {
        let untold = NOT_EMITTED.iter().find(|it| it.0 == self.name);
        let recorded = self.value.get("untold").and_then(Value::as_str);
        untold.map(|it| it.1).or(recorded)
    }

    /// Whether the session from before is still one of the server's after the call.
    fn session_lives_on(&self) -> bool {
        let ending = ["session.revoked", "user.deleted"];
        let told = [self.expected(), self.arguable()].concat();
        !told.iter().any(|name| ending.contains(name))
    }

    /// A cookie's value: the token of the session, or what was planted.
    fn cookie(&self, name: &str, session: &str) -> String {
        let token = self.value[session]["session"]["token"].as_str();
        match token.filter(|_| name.ends_with("session_token")) {
            Some(token) => format!("{token}.c2lnbmF0dXJl"),
            None => PLANTED.to_owned(),
        }
    }

    fn request(&self) -> Request {
        let recorded = &self.value["request"];
        let mut request = Request::builder()
            .method(recorded["method"].as_str().unwrap())
            .uri(recorded["path"].as_str().unwrap());
        for (name, value) in headers(recorded) {
            let token = self.cookie("session_token", "session_before");
            request = request.header(name, value.replace(REDACTED, &token));
        }
        for cookie in recorded["cookies"].as_array().unwrap() {
            let cookie = cookie.as_str().unwrap();
            let cookie = format!("{cookie}={}", self.cookie(cookie, "session_before"));
            request = request.header(header::COOKIE, cookie);
        }
        request.body(Body::from(body(recorded))).unwrap()
    }

    fn response(&self) -> Response {
        let recorded = &self.value["response"];
        let status = recorded["status"].as_u64().unwrap();
        let mut response = Response::builder().status(u16::try_from(status).unwrap());
        for (name, value) in headers(recorded) {
            let cookie = match name {
                "set-auth-token" => "session_token",
                _ => value.split('=').next().unwrap(),
            };
            let value = value.replace(REDACTED, &self.cookie(cookie, "session_after"));
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
        (name, value.to_owned())
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

fn emitter(store: &MemoryOutbox) -> Emitter {
    Emitter::new(store.clone()).with_clock(ManualClock::at(NOW))
}

/// Who is signed in during a recording, as its server said.
#[derive(Clone)]
struct Recorded {
    before: Value,
    after: Value,
    sessions: Value,
    lives_on: bool,
    called: Arc<AtomicBool>,
}

impl Recorded {
    fn of(recording: &Recording) -> Self {
        Self {
            before: recording.value["session_before"].clone(),
            after: recording.value["session_after"].clone(),
            sessions: recording.value["sessions_before"].clone(),
            lives_on: recording.session_lives_on(),
            called: Arc::default(),
        }
    }
}

impl SessionLookup for Recorded {
    async fn session(&self, headers: &HeaderMap) -> Result<Option<ActiveSession>, BoxError> {
        let known =
            headers.contains_key(header::COOKIE) || headers.contains_key(header::AUTHORIZATION);
        let called = self.called.load(Ordering::SeqCst);
        let answer = if called { &self.after } else { &self.before };
        Ok(ActiveSession::from_json(answer).filter(|_| known))
    }

    async fn read(
        &self,
        _headers: &HeaderMap,
        path: &str,
    ) -> Result<Option<http::Response<Value>>, BoxError> {
        if path != "/list-sessions" {
            return Ok(None);
        }
        let (status, body) = match self.called.load(Ordering::SeqCst) {
            false if self.sessions.is_array() => (StatusCode::OK, self.sessions.clone()),
            true if self.lives_on => (StatusCode::FORBIDDEN, Value::Null),
            _ => (StatusCode::UNAUTHORIZED, Value::Null),
        };
        Ok(Some(http::Response::builder().status(status).body(body)?))
    }
}

/// A lookup for which nobody is signed in.
async fn nobody(_headers: HeaderMap) -> Result<Option<ActiveSession>, BoxError> {
    Ok(None)
}

struct Stage {
    store: MemoryOutbox,
    layer: SyncEmitterLayer,
    called: Arc<AtomicBool>,
}

impl Stage {
    async fn new() -> Self {
        Self::with(nobody, Arc::default()).await
    }

    async fn of(recording: &Recording) -> Self {
        let recorded = Recorded::of(recording);
        let called = Arc::clone(&recorded.called);
        Self::with(recorded, called).await
    }

    async fn with(lookup: impl SessionLookup, called: Arc<AtomicBool>) -> Self {
        let store = MemoryOutbox::new();
        let url = "https://crm.example.com/hook";
        let secret = "whsec_QGrbDWFgJ0yBwDPtzqG7tPtxKXyLk1Na";
        let endpoint = NewEndpoint::new(url, Scheme::banata(), secret).unwrap();
        let created = Endpoints::from(&store).create(endpoint).await;
        assert!(created.is_ok());
        let layer = SyncEmitterLayer::new(emitter(&store), BetterAuthRoutes::new(lookup));
        Self {
            store,
            layer,
            called,
        }
    }

    /// Runs a recording through the layer; checks that both sides see the very same messages.
    async fn run(&self, recording: &Recording) -> Vec<Bytes> {
        let (parts, sent) = recording.request().into_parts();
        let sent = to_bytes(sent, usize::MAX).await.unwrap();
        let expected = (parts.headers.clone(), sent.clone());
        let response = Arc::new(Mutex::new(Some(recording.response())));
        let called = Arc::clone(&self.called);
        let inner = service_fn(move |request: http::Request<BufferedBody<Body>>| {
            called.store(true, Ordering::SeqCst);
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
        let until = NOW.saturating_add(Duration::from_secs(60));
        let request = LeaseRequest::new(many, AttemptNumber::FIRST, NOW, until);
        let leases = self.store.lease(many, request).await.unwrap();
        leases.into_iter().map(|lease| lease.work.payload).collect()
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
async fn every_recorded_exchange_makes_its_events() {
    let mut wrong = Vec::new();
    for recording in Recording::all() {
        let payloads = Stage::of(&recording).await.run(&recording).await;
        let told = names(&payloads);
        let mut missing: Vec<_> = recording.expected();
        let mut more = Vec::new();
        for name in &told {
            match missing.iter().position(|it| it == name) {
                Some(found) => drop(missing.remove(found)),
                None if recording.arguable().contains(&name.as_str()) => {}
                None => more.push(name.as_str()),
            }
        }
        // The sessions of a user who is deleted or banned end with that event.
        if told
            .iter()
            .any(|it| ["user.deleted", "user.banned"].contains(&it.as_str()))
        {
            missing.retain(|name| *name != "session.revoked");
        }
        let needs_more = NEED_MORE.iter().any(|it| it.0 == recording.name);
        if needs_more {
            assert!(
                !missing.is_empty() || !more.is_empty(),
                "{}",
                recording.name
            );
            continue;
        }
        let told_all = missing.is_empty() || recording.untold().is_some();
        if !told_all || !more.is_empty() {
            wrong.push(format!(
                "{}: missing {missing:?}, more {more:?}",
                recording.name
            ));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn no_secret_of_a_recorded_exchange_is_in_a_payload() {
    let mut judged = 0;
    for recording in Recording::all() {
        let mut secrets = recording.secrets();
        for known in ["session_before", "session_after", "sessions_before"] {
            collect_secrets(&recording.value[known], &mut secrets);
        }
        let stage = Stage::of(&recording).await;
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
        let stage = Stage::of(&recording).await;
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
    let payloads = Stage::of(&recording).await.run(&recording).await;
    let answered = &recording.value["response"]["body"];
    let created = AuthEvent::from_slice(&payloads[0]).unwrap();
    assert_eq!(created.data(), answered["user"].as_object().unwrap());
    let opened = AuthEvent::from_slice(&payloads[1]).unwrap();
    let handle = SessionHandle::of_token(answered["token"].as_str().unwrap());
    assert_eq!(opened.data()["handle"], json!(handle));
    assert_eq!(opened.data()["userId"], answered["user"]["id"]);
    let session = &recording.value["session_after"]["session"];
    for field in ["id", "expiresAt"] {
        assert_eq!(opened.data()[field], session[field]);
    }
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
    let rules = BetterAuthRoutes::new(nobody).base_path("");
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
        let token = json!({"token": "a-session-token"});
        let signed_in = headers[header::COOKIE] == "better-auth.session_token=abc.def";
        let session = json!({"session": token, "user": {"id": "u1"}});
        axum::Json(if signed_in { session } else { Value::Null })
    }
    async fn sign_out() -> impl axum::response::IntoResponse {
        let cleared = "better-auth.session_token=; Max-Age=0";
        (
            [(header::SET_COOKIE, cleared)],
            axum::Json(json!({"success": true})),
        )
    }
    let auth: Router = Router::new()
        .route("/api/auth/get-session", axum::routing::get(get_session))
        .route("/api/auth/sign-out", axum::routing::post(sign_out));
    let stage = Stage::new().await;
    let uri = "/api/auth/get-session".parse().unwrap();
    let rules = BetterAuthRoutes::new(GetSession::new(auth.clone(), uri));
    let layer = SyncEmitterLayer::new(emitter(&stage.store), rules);
    let mut request = post("/api/auth/sign-out");
    let cookie = "better-auth.session_token=abc.def".parse().unwrap();
    request.headers_mut().insert(header::COOKIE, cookie);
    auth.layer(layer).oneshot(request).await.unwrap();
    assert_eq!(names(&stage.payloads().await), ["session.revoked"]);
}
