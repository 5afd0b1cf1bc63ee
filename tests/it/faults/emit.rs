//! The layer in front of an auth server: what each exchange tells, and that a mirror takes it.

use std::num::NonZeroU16;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, Response, header};
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tower_auth_sync::BoxError;
use tower_auth_sync::better_auth::BetterAuthRoutes;
use tower_auth_sync::body::BufferedBody;
use tower_auth_sync::clock::{Clock as _, SystemClock};
use tower_auth_sync::emit::SyncEmitterLayer;
use tower_auth_sync::event::AuthEvent;
use tower_auth_sync::mirror::{MemoryMirror, Mirror};
use tower_auth_sync::outbox::{
    Emitter, Endpoints, LeaseRequest, MemoryOutbox, NewEndpoint, OutboxStore as _,
};
use tower_auth_sync::queue::AttemptNumber;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::session::ActiveSession;

fn fault(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/faults");
    let text = std::fs::read(path.join(format!("{name}.json"))).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The fault with `value` in the place of what stands at `pointer`.
fn with(name: &str, changes: &[(&str, Value)]) -> Value {
    let mut fault = fault(name);
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = fault.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.insert(key.to_owned(), value.clone());
    }
    fault
}

/// Runs an exchange through the layer; returns the status, and the events, which a mirror took.
async fn run(fault: &Value) -> (u16, Vec<AuthEvent>) {
    let called = Arc::new(AtomicBool::new(false));
    let (asked, sessions) = (Arc::clone(&called), fault.clone());
    let lookup = move |_: HeaderMap| {
        let side = if asked.load(Ordering::SeqCst) {
            "session_after"
        } else {
            "session_before"
        };
        let session = ActiveSession::from_json(&sessions[side]);
        async { Ok::<_, BoxError>(session) }
    };
    let answer = fault["answer"].clone();
    let inner = service_fn(move |_: Request<BufferedBody<Body>>| {
        called.store(true, Ordering::SeqCst);
        let status = answer["status"].as_u64().unwrap();
        let mut response = Response::builder().status(u16::try_from(status).unwrap());
        for (name, value) in answer["headers"].as_object().into_iter().flatten() {
            response = response.header(name, value.as_str().unwrap());
        }
        let body = match &answer["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            json => json.to_string(),
        };
        async { response.body(Body::from(body)) }
    });
    let store = MemoryOutbox::new();
    let secret = "whsec_QGrbDWFgJ0yBwDPtzqG7tPtxKXyLk1Na";
    let url = "https://crm.example.com/hook";
    let endpoint = NewEndpoint::new(url, Scheme::banata(), secret);
    let endpoints = Endpoints::from(&store);
    assert!(endpoints.create(endpoint.unwrap()).await.is_ok());
    let layer = SyncEmitterLayer::new(Emitter::new(store.clone()), BetterAuthRoutes::new(lookup));

    let service = ServiceBuilder::new().layer(layer).service(inner);
    let response = service.oneshot(request(fault)).await.unwrap();
    let status = response.status().as_u16();
    to_bytes(Body::new(response.into_body()), usize::MAX)
        .await
        .unwrap();

    (status, delivered(&store).await)
}

fn request(fault: &Value) -> Request<Body> {
    let sent = &fault["request"];
    let mut request = Request::builder()
        .method(sent["method"].as_str().unwrap())
        .uri(sent["path"].as_str().unwrap())
        .header(header::CONTENT_TYPE, "application/json");
    if sent["cookie"] == true {
        request = request.header(header::COOKIE, "better-auth.session_token=tok-0001.sig");
    }
    request.body(Body::from(sent["body"].to_string())).unwrap()
}

/// The events that are to be delivered; a mirror takes each.
async fn delivered(store: &MemoryOutbox) -> Vec<AuthEvent> {
    let many = NonZeroU16::new(100).unwrap();
    let now = SystemClock.now();
    let until = now.saturating_add(Duration::from_secs(60));
    let due = LeaseRequest::new(many, AttemptNumber::FIRST, now, until);
    let mirror = Mirror::new(MemoryMirror::new());
    let mut events = Vec::new();
    for lease in store.lease(many, due).await.unwrap() {
        let event = AuthEvent::from_slice(&lease.work.payload).unwrap();
        mirror.apply(&event).await.unwrap();
        events.push(event);
    }
    events
}

fn names(events: &[AuthEvent]) -> Vec<&str> {
    let mut names: Vec<_> = events.iter().map(|it| it.event_type().as_str()).collect();
    names.sort_unstable();
    names
}

async fn check(fault: &Value, expected: &[&str]) {
    let (_, events) = run(fault).await;
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(names(&events), expected, "{fault}");
    let told: String = events
        .iter()
        .map(|it| json!(it.data()).to_string())
        .collect();
    for text in fault["expected_in_events"].as_array().into_iter().flatten() {
        assert!(told.contains(text.as_str().unwrap()), "{text}");
    }
}

async fn check_all(samples: &[&str]) {
    for name in samples {
        let fault = fault(name);
        let expected = fault["expected_events"].as_array().unwrap();
        let expected: Vec<_> = expected.iter().map(|it| it.as_str().unwrap()).collect();
        check(&fault, &expected).await;
    }
}

#[tokio::test]
async fn a_deletion_by_link_is_told() {
    let name = "01-delete-user-link";
    check_all(&[name]).await;
    let before = fault(name)["session_before"].clone();
    for (changes, expected) in [
        (vec![("/answer/status", json!(200))], vec!["user.deleted"]),
        (
            vec![
                ("/request/path", json!("/api/auth/delete-user")),
                ("/request/method", json!("POST")),
            ],
            vec!["user.deleted"],
        ),
        (vec![("/session_after", before.clone())], vec![]),
        (vec![("/session_before", Value::Null)], vec![]),
    ] {
        check(&with(name, &changes), &expected).await;
    }
}

#[tokio::test]
async fn a_changed_address_is_told() {
    let name = "02-change-email-at-once";
    check_all(&[name, "02-change-email-link"]).await;
    let before = fault(name)["session_before"].clone();
    for (changes, expected) in [
        (
            vec![("/request/path", json!("/api/auth/email-otp/change-email"))],
            vec!["user.updated"],
        ),
        (
            vec![("/session_after/user/emailVerified", json!(true))],
            vec!["user.updated", "email.verified"],
        ),
        (
            vec![
                ("/session_after", before),
                ("/expected_in_events", json!([])),
            ],
            vec![],
        ),
        (
            vec![
                ("/answer/status", json!(302)),
                ("/answer/body", Value::Null),
            ],
            vec!["user.updated"],
        ),
    ] {
        check(&with(name, &changes), &expected).await;
    }
}

#[tokio::test]
async fn a_session_is_told_whatever_opened_it() {
    check_all(&["03-passkey", "03-phone-sign-in", "03-siwe"]).await;
    let opened = fault("04-change-password-revokes")["session_after"].clone();
    for (changes, expected) in [
        (vec![("/answer/body/token", Value::Null)], vec![]),
        (
            vec![("/request/path", json!("/api/auth/sign-in/username"))],
            vec!["session.created"],
        ),
        (
            vec![
                ("/request/path", json!("/api/auth/a-plugin/finish")),
                (
                    "/answer/headers/set-cookie",
                    json!("x.session_token=tok-0003.sig; Path=/"),
                ),
                ("/session_after", opened.clone()),
            ],
            vec!["session.created"],
        ),
        (
            vec![
                ("/request/path", json!("/api/auth/callback/github?code=1")),
                ("/request/method", json!("GET")),
                ("/answer/status", json!(302)),
                ("/answer/body", Value::Null),
                (
                    "/answer/headers/set-cookie",
                    json!("__Secure-better-auth.session_token=tok-0003.sig; Secure"),
                ),
                (
                    "/answer/headers/date",
                    json!("Fri, 20 Nov 2026 10:00:00 GMT"),
                ),
                ("/session_after", opened),
            ],
            vec!["user.created", "session.created"],
        ),
    ] {
        check(&with("03-phone-sign-in", &changes), &expected).await;
    }
}

#[tokio::test]
async fn a_session_that_another_replaced_is_told() {
    let name = "04-change-password-revokes";
    check_all(&[name]).await;
    let before = fault(name)["session_before"].clone();
    for (changes, expected) in [
        (
            vec![("/request/path", json!("/api/auth/two-factor/disable"))],
            vec!["session.revoked", "session.created"],
        ),
        (vec![("/session_after", before)], vec![]),
        (
            vec![
                ("/session_after", Value::Null),
                ("/answer/body/token", Value::Null),
            ],
            vec!["session.revoked"],
        ),
        (vec![("/answer/status", json!(400))], vec![]),
    ] {
        check(&with(name, &changes), &expected).await;
    }
}

#[tokio::test]
async fn an_anonymous_user_who_becomes_somebody_is_told() {
    let name = "05-anonymous-becomes-real";
    check_all(&[name]).await;
    let sign_in = ("/request/path", json!("/api/auth/sign-in/email"));
    for (changes, expected) in [
        (
            vec![sign_in.clone()],
            vec!["session.created", "user.deleted"],
        ),
        (
            vec![
                sign_in,
                ("/session_before/user/isAnonymous", json!(false)),
                ("/expected_in_events", json!([])),
            ],
            vec!["session.created", "session.revoked"],
        ),
        (
            vec![
                ("/answer/status", json!(422)),
                ("/session_after", fault(name)["session_before"].clone()),
                ("/expected_in_events", json!([])),
            ],
            vec![],
        ),
    ] {
        check(&with(name, &changes), &expected).await;
    }
}

#[tokio::test]
async fn a_token_that_was_none_of_the_caller_s_makes_no_event() {
    let name = "06-revoke-a-made-up-token";
    check_all(&[name]).await;
    for (changes, expected) in [
        (vec![("/request/body/token", json!(""))], vec![]),
        (vec![("/request/body/token", json!({"a": 1}))], vec![]),
        (
            vec![
                ("/request/body/token", json!("tok-0001")),
                ("/session_after", Value::Null),
            ],
            vec!["session.revoked"],
        ),
        (
            vec![("/request/path", json!("/api/auth/revoke-other-sessions"))],
            vec![],
        ),
    ] {
        check(&with(name, &changes), &expected).await;
    }
}

#[tokio::test]
async fn an_unreadable_answer_is_withheld_unless_the_session_tells() {
    let name = "07-compressed-answer";
    let opened = fault("04-change-password-revokes")["session_after"].clone();
    for changes in [
        vec![],
        vec![("/answer/headers/content-encoding", json!("br"))],
        vec![
            ("/answer/headers", json!({"content-type": "text/html"})),
            ("/answer/body", json!("<p>Welcome")),
        ],
        vec![
            ("/answer/headers", json!({})),
            ("/answer/body", json!("{\"token\":")),
        ],
        vec![("/request/path", json!("/api/auth/organization/create"))],
    ] {
        let (status, events) = run(&with(name, &changes)).await;
        assert_eq!((status, names(&events)), (503, vec![]), "{changes:?}");
        if changes
            .iter()
            .all(|(pointer, _)| *pointer != "/request/path")
        {
            let known = [changes, vec![("/session_after", opened.clone())]].concat();
            let (status, events) = run(&with(name, &known)).await;
            assert_eq!(
                (status, names(&events)),
                (200, vec!["session.created", "user.created"])
            );
        }
    }
}

#[tokio::test]
async fn what_is_told_is_what_a_mirror_takes() {
    let name = "09-verified-is-1";
    check_all(&[name, "09-verified-is-a-date"]).await;
    for (field, value, told) in [
        ("emailVerified", json!(0), json!(false)),
        ("emailVerified", json!("yes"), Value::Null),
        ("banned", json!({}), Value::Null),
        ("name", json!(["Ada"]), Value::Null),
        ("createdAt", json!("yesterday"), Value::Null),
        ("image", json!("x".repeat(300_000)), Value::Null),
    ] {
        let pointer = format!("/answer/body/user/{field}");
        let fault = with(name, &[(&pointer, value)]);
        let (status, events) = run(&fault).await;
        assert_eq!(
            (status, names(&events)),
            (200, vec!["session.created", "user.created"])
        );
        let user = events
            .iter()
            .find(|it| it.event_type().as_str() == "user.created")
            .unwrap();
        let user = json!(user.data());
        assert_eq!(user[field], told, "{field}");
        let omitted = user["omitted"]
            .as_array()
            .is_some_and(|it| it.contains(&json!(field)));
        assert_eq!(omitted, told.is_null(), "{field}");
    }
}
