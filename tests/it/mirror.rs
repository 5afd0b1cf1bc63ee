//! A signed event's way into the mirror's tables, through the receiver's layer.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::post_service;
use tower::ServiceExt as _;
use tower_auth_sync::clock::{Clock as _, SystemClock};
use tower_auth_sync::entropy::SystemEntropy;
use tower_auth_sync::event::{AuthEvent, SessionHandle, User};
use tower_auth_sync::id::MessageId;
use tower_auth_sync::mirror::{Mirror, TablePrefix};
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::Secret;
use tower_auth_sync::signature::{Signer, Verifier};
use tower_auth_sync::store::sqlite::SqliteStore;
use tower_auth_sync::verify::VerifyWebhookLayer;

struct Receiver {
    app: Router,
    signer: Signer,
    mirror: Mirror,
    _dir: tempfile::TempDir,
}

impl Receiver {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path().join("crm.db")).await.unwrap();
        let mirror = store.mirror(TablePrefix::default()).await.unwrap();
        let secret = Secret::generate();
        let verifier = Verifier::new(Scheme::banata(), [secret.clone()]).unwrap();
        let layer = VerifyWebhookLayer::new(verifier);
        let service = post_service(mirror.service()).layer(layer);
        Self {
            app: Router::new().route("/webhooks/auth", service),
            signer: Signer::new(Scheme::banata(), [secret]).unwrap(),
            mirror,
            _dir: dir,
        }
    }

    /// Sends `event` as our emitter does, with `body` changed on the way by `tamper`.
    async fn send(&self, event: &AuthEvent, tamper: impl FnOnce(String) -> String) -> StatusCode {
        let now = SystemClock.now();
        let id = MessageId::generate(now, &SystemEntropy);
        let payload = event.to_payload(&id, now);
        let mut request = Request::post("/webhooks/auth");
        let headers = request.headers_mut().unwrap();
        self.signer
            .sign_at(&id, now.to_secs(), &payload)
            .apply(headers);
        let body = tamper(String::from_utf8(payload.to_vec()).unwrap());
        let request = request.body(Body::from(body)).unwrap();
        self.app.clone().oneshot(request).await.unwrap().status()
    }
}

fn ada() -> User {
    let mut ada = User::new("usr_1");
    ada.email = Some("ada@example.com".into());
    ada
}

#[tokio::test]
async fn a_signed_event_is_mirrored_and_a_tampered_one_is_not() {
    let receiver = Receiver::new().await;
    let created = AuthEvent::user_created(&ada());
    let sent = receiver.send(&created, |body| body).await;
    assert_eq!(sent, StatusCode::NO_CONTENT);

    let forged = AuthEvent::user_updated(&ada());
    let tampered = |body: String| body.replace("ada@", "eve@");
    assert_eq!(
        receiver.send(&forged, tampered).await,
        StatusCode::UNAUTHORIZED
    );
    let user = receiver.mirror.user("usr_1").await.unwrap().unwrap();
    assert_eq!(user.email.as_deref(), Some("ada@example.com"));
}

#[tokio::test]
async fn a_session_s_life_is_mirrored_by_its_handle() {
    let receiver = Receiver::new().await;
    let handle = SessionHandle::of_token("token");
    let data = serde_json::json!({ "handle": handle, "userId": "usr_1" });
    for (name, alive) in [("session.created", true), ("session.revoked", false)] {
        let payload = serde_json::json!({ "event": name, "data": data });
        let event = AuthEvent::from_slice(payload.to_string().as_bytes()).unwrap();
        let sent = receiver.send(&event, |body| body).await;
        assert_eq!(sent, StatusCode::NO_CONTENT);
        let session = receiver.mirror.session(&handle).await.unwrap();
        assert_eq!(session.is_some(), alive, "{name}");
    }
}

#[tokio::test]
async fn a_signed_body_that_is_no_event_is_400() {
    let receiver = Receiver::new().await;
    let event = AuthEvent::new("user.created".parse().unwrap(), serde_json::Map::new());
    let sent = receiver.send(&event, |body| body).await;
    assert_eq!(sent, StatusCode::BAD_REQUEST);
}
