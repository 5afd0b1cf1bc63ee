use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use tokio::sync::Notify;
use tower::ServiceExt as _;
use tower_layer::Layer as _;
use tracing::field::{Field, Visit};
use tracing::span;

use super::support::{Counting, TestBody, TestStore, post, sign_in_answer, slug_of};
use crate::send::emit::declared::Emit;
use crate::send::emit::layer::SyncEmitterLayer;
use crate::wire::event::{AuthEvent, EventType};

fn declared(names: &'static [&'static str]) -> Response<Full<Bytes>> {
    let mut response = sign_in_answer();
    for name in names {
        let event = AuthEvent::new(EventType::new(name).unwrap(), serde_json::Map::new());
        Emit(event).attach(&mut response);
    }
    response
}

#[tokio::test]
async fn declared_events_are_stored_on_every_route_in_their_order() {
    for path in ["/own", "/api/auth/other"] {
        let store = TestStore::new();
        let inner = Counting::new(|_: Request<TestBody>| async { declared(&["a.b", "c.d"]) });
        let response = store.layer().layer(inner).oneshot(post(path, &json!({})));
        assert_eq!(response.await.unwrap().status(), 200);
        assert_eq!(store.names(), ["a.b", "c.d"], "{path}");
    }
}

#[tokio::test]
async fn behind_a_layer_for_handlers_a_caller_that_hangs_up_does_not_cancel_the_handler() {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let signals = (Arc::clone(&entered), Arc::clone(&go_on));
    let inner = Counting::new(move |_: Request<TestBody>| {
        let (entered, go_on) = signals.clone();
        async move {
            entered.notify_one();
            go_on.notified().await;
            declared(&["a.b"])
        }
    });
    let store = TestStore::new();
    let layer = SyncEmitterLayer::for_handlers(store.emitter());
    let caller = tokio::spawn(layer.layer(inner).oneshot(post("/own", &json!({}))));
    entered.notified().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    go_on.notify_one();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.names(), ["a.b"]);
}

#[tokio::test]
async fn behind_a_layer_for_handlers_no_handler_is_called_while_the_store_is_down() {
    let store = TestStore::new();
    let inner = Counting::new(|_: Request<TestBody>| async { sign_in_answer() });
    let calls = inner.calls();
    let service = SyncEmitterLayer::for_handlers(store.emitter()).layer(inner);
    let call = service.clone().oneshot(post("/own", &json!({})));
    assert_eq!(call.await.unwrap().status(), 200);
    assert!(store.tries().is_empty(), "nothing was declared");

    store.take_down();
    let refused = slug_of(service.oneshot(post("/own", &json!({}))).await.unwrap()).await;
    assert_eq!(refused.1, "store-unavailable");
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_that_declares_events_is_not_asked_by_the_rules() {
    let store = TestStore::new();
    let inner = Counting::new(|_: Request<TestBody>| async { declared(&["a.b"]) });
    let request = post("/api/auth/sign-in/email", &json!({}));
    store.layer().layer(inner).oneshot(request).await.unwrap();
    assert_eq!(store.names(), ["a.b"]);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn two_parts_of_one_axum_answer_are_two_events() {
    use axum::{Json, Router, routing::post as route};

    use crate::wire::event::User;

    let user = |id: &str| Emit(AuthEvent::user_created(&User::new(id)));
    let handler = move || async move { (user("u1"), Some(user("u2")), Json(1)) };
    let store = TestStore::new();
    let app: Router = Router::new()
        .route("/own", route(handler))
        .layer(store.layer());
    let response = app.oneshot(post("/own", &json!({})).map(axum::body::Body::new));
    assert_eq!(response.await.unwrap().status(), 200);
    assert_eq!(store.names(), ["user.created", "user.created"]);
}

#[test]
fn a_declared_event_that_no_layer_took_is_logged_as_an_error() {
    let log = Log::default();
    let logged = Arc::clone(&log.0);
    tracing::subscriber::with_default(log, || drop(declared(&["a.b", "c.d"])));
    let logged = logged.lock().unwrap();
    assert_eq!(logged.len(), 2, "{logged:?}");
    assert!(logged[0].starts_with("ERROR"), "{logged:?}");
    assert!(logged[0].contains("a.b"), "{logged:?}");
}

#[test]
fn a_declared_event_that_was_taken_logs_no_error() {
    let log = Log::default();
    let logged = Arc::clone(&log.0);
    tracing::subscriber::with_default(log, || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().build().unwrap();
        let store = TestStore::new();
        let inner = Counting::new(|_: Request<TestBody>| async { declared(&["a.b"]) });
        let call = store.layer().layer(inner).oneshot(post("/own", &json!({})));
        drop(runtime.block_on(call).unwrap());
    });
    let logged = logged.lock().unwrap();
    assert!(
        logged.iter().all(|line| !line.starts_with("ERROR")),
        "{logged:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn logs_hold_no_payload() {
    let log = Log::default();
    let logged = Arc::clone(&log.0);
    let guard = tracing::subscriber::set_default(log);
    let store = TestStore::new();
    store.fill();
    let inner = Counting::new(|_: Request<TestBody>| async { sign_in_answer() });
    let sent = json!({"email": "alice@example.com", "password": "correct-horse"});
    let request = post("/api/auth/sign-in/email", &sent);
    store.layer().layer(inner).oneshot(request).await.unwrap();
    drop(guard);
    let logged = logged.lock().unwrap().join("\n");
    assert!(logged.contains("session.created"), "{logged}");
    for secret in ["alice", "correct-horse", "a-session-token", "u1"] {
        assert!(!logged.contains(secret), "{logged}");
    }
}

/// Keeps what is logged, as lines that begin with the level.
#[derive(Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _metadata: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!(" {field}={value:?}"));
            }
        }
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}
