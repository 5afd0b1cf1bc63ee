//! The extractors, in routers.

use std::collections::HashMap;

use axum::routing::{any, post};
use axum::{Json, Router};
use serde::Deserialize;
use tower::ServiceBuilder;

use super::*;
use crate::receive::verify::extract::Webhook;
use crate::wire::event::AuthEvent;

#[derive(Deserialize)]
struct Ping {
    n: u32,
}

async fn on_event(delivered: VerifiedWebhook, Webhook(event): Webhook<AuthEvent>) -> String {
    format!("{} {}", delivered.id().unwrap(), event.event_type())
}

async fn on_ping(Webhook(ping): Webhook<Ping>, body: Bytes) -> String {
    format!("{} {}", ping.n, body.len())
}

async fn optional(delivered: Option<VerifiedWebhook>) -> String {
    delivered.is_some().to_string()
}

fn layer() -> VerifyWebhookLayer {
    VerifyWebhookLayer::new(verifier(Scheme::banata(), &ManualClock::at(NOW)))
}

async fn ask(app: &Router, request: Request<Full<Bytes>>) -> (u16, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn ok(body: &str) -> (u16, String) {
    (200, body.to_owned())
}

#[tokio::test]
async fn a_handler_takes_the_proof_and_the_event() {
    let app = Router::new().route("/webhooks", post(on_event).layer(layer()));
    let reply = ask(&app, banata("msg_1", BODY)).await;
    assert_eq!(reply, ok("msg_1 user.created"));
}

#[tokio::test]
async fn any_type_decodes_and_the_body_is_still_there() {
    let app = Router::new()
        .route("/webhooks", post(on_ping))
        .route_layer(layer());
    assert_eq!(ask(&app, banata("msg_1", r#"{"n":7}"#)).await, ok("7 7"));
    let other = Request::post("/elsewhere").body(Full::default()).unwrap();
    assert_eq!(ask(&app, other).await.0, 404);
}

#[tokio::test]
async fn a_body_that_does_not_decode_is_400_without_an_echo_and_can_be_sent_again() {
    let app = Router::new()
        .route("/webhooks", post(on_ping))
        .layer(layer());
    for (id, body) in [
        ("a", "not json: secret"),
        ("b", r#"{"n":"secret"}"#),
        ("c", ""),
    ] {
        for _ in 0..2 {
            let (status, answer) = ask(&app, banata(id, body)).await;
            assert_eq!(status, 400, "{body}");
            assert!(answer.contains("body-malformed"), "{answer}");
            assert!(!answer.contains("secret"), "{answer}");
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is only decoded")]
struct Shape {
    data: User,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    limits: HashMap<String, u8>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is only decoded")]
struct User {
    email_verified: bool,
    #[serde(default)]
    role: Option<Role>,
    #[serde(flatten)]
    extra: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Role {
    Admin,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is only decoded")]
struct Tag {
    name: String,
}

/// Path of the route, body, and the member that does not fit.
const UNFIT: &[(&str, &str, &str)] = &[
    (
        "/shape",
        r#"{"data":{"emailVerified":"secret"}}"#,
        "data.emailVerified",
    ),
    (
        "/shape",
        r#"{"data":{"emailVerified":1234567}}"#,
        "data.emailVerified",
    ),
    (
        "/shape",
        r#"{"data":{"emailVerified":null}}"#,
        "data.emailVerified",
    ),
    (
        "/shape",
        r#"{"data":{"name":"secret"}}"#,
        "data.emailVerified",
    ),
    ("/shape", r#"{"data":"secret"}"#, "data"),
    ("/shape", r#"{"tags":[]}"#, "data"),
    (
        "/shape",
        r#"{"data":{"emailVerified":true,"role":"secret"}}"#,
        "data.role",
    ),
    (
        "/shape",
        r#"{"data":{"emailVerified":true},"tags":[{"name":"a"},{"name":["secret"]}]}"#,
        "tags[1].name",
    ),
    (
        "/shape",
        r#"{"data":{"emailVerified":true},"tags":[{}]}"#,
        "tags[0].name",
    ),
    (
        "/shape",
        r#"{"data":{"emailVerified":true},"limits":{"a.b":1234567}}"#,
        "limits.a.b",
    ),
    ("/list", r#"[{"name":1234567}]"#, "[0].name"),
    (
        "/event",
        r#"{"event":"user.created","data":"secret"}"#,
        "data",
    ),
    ("/event", r#"{"event":1234567,"data":{}}"#, "event"),
    (
        "/event",
        r#"{"event":"user.created","timestamp":"secret","data":{}}"#,
        "timestamp",
    ),
    ("/event", r#"{"data":{"name":"secret"}}"#, "event"),
    ("/event", r#"{"event":"user.created"}"#, "data"),
];

#[tokio::test]
async fn a_refusal_names_the_member_that_does_not_fit_and_not_its_value() {
    let app = Router::new()
        .route("/shape", post(|_: Webhook<Shape>| async {}))
        .route("/event", post(|_: Webhook<AuthEvent>| async {}))
        .route("/list", post(|_: Webhook<Vec<Tag>>| async {}))
        .layer(layer());
    let long = "k".repeat(1000);
    let body = format!(r#"{{"limits":{{"{long}":"secret"}}}}"#);
    let field = format!("limits.{}", &long[..249]);
    for (path, body, field) in UNFIT.iter().chain(&[("/shape", &*body, &*field)]) {
        let mut request = banata("msg_1", (*body).to_owned());
        *request.uri_mut() = path.parse().unwrap();
        let (status, answer) = ask(&app, request).await;
        let problem: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let detail = problem["detail"].as_str().unwrap();
        let named = format!("`{field}` does not fit");
        assert!(
            status == 400 && detail.starts_with(&named),
            "{body}: {detail}"
        );
        assert!(
            !answer.contains("secret") && !answer.contains("1234567"),
            "{answer}"
        );
    }
    for body in [r#""secret""#, r#"{"data": secret"#, "7"] {
        let mut request = banata("msg_1", body);
        *request.uri_mut() = "/shape".parse().unwrap();
        let (status, answer) = ask(&app, request).await;
        assert!(status == 400 && !answer.contains('`'), "{answer}");
        assert!(!answer.contains("secret"), "{answer}");
    }
}

#[tokio::test]
async fn a_route_without_the_layer_is_500_and_the_layer_is_named() {
    let app = Router::new()
        .route("/webhooks", post(on_event))
        .route("/ping", post(on_ping))
        .route("/optional", any(optional));
    for path in ["/webhooks", "/ping"] {
        let mut request = banata("msg_1", r#"{"n":7}"#);
        *request.uri_mut() = path.parse().unwrap();
        let (status, answer) = ask(&app, request).await;
        assert_eq!(status, 500);
        assert!(answer.contains("VerifyWebhookLayer"), "{answer}");
    }
    let request = Request::get("/optional").body(Full::default()).unwrap();
    assert_eq!(ask(&app, request).await, ok("false"));
}

#[tokio::test]
async fn from_fn_stands_behind_the_layer_through_map_request_body() {
    async fn pass(
        request: axum::extract::Request,
        next: axum::middleware::Next,
    ) -> axum::response::Response {
        assert!(request.extensions().get::<VerifiedWebhook>().is_some());
        next.run(request).await
    }
    let stack = ServiceBuilder::new()
        .layer(layer())
        .map_request(|request: Request<Full<Bytes>>| request.map(axum::body::Body::new))
        .layer(axum::middleware::from_fn(pass));
    let app = Router::new().route("/webhooks", post(on_event).layer(stack));
    let reply = ask(&app, banata("msg_1", BODY)).await;
    assert_eq!(reply, ok("msg_1 user.created"));
}

#[tokio::test]
async fn the_layer_stands_before_a_plain_service_and_under_any_state() {
    let inner = tower::service_fn(|request: Request<Full<Bytes>>| async move {
        let delivered = request.extensions().get::<VerifiedWebhook>().cloned();
        let id = delivered.and_then(|delivered| delivered.id().map(str::to_owned));
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(id.unwrap_or_default())))
    });
    let response = layer().layer(inner).oneshot(banata("msg_1", BODY)).await;
    let body = response.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "msg_1");

    async fn with_state(
        axum::extract::State(n): axum::extract::State<u32>,
        Json(body): Json<serde_json::Value>,
    ) -> String {
        format!("{n} {body}")
    }
    let route = post(with_state).layer(layer());
    let app = Router::new().route("/webhooks", route).with_state(7);
    let request = with_header(banata("msg_1", "{}"), "content-type", "application/json");
    assert_eq!(ask(&app, request).await, ok("7 {}"));
}
