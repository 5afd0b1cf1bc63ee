use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::{Service, ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use super::support::{
    Counting, TestBody, TestStore, answer, bytes_of, post, sign_in_answer, slug_of, streamed,
};
use crate::base::error::{BoxError, StoreFailurePolicy};
use crate::http::body::BufferedBody;
use crate::send::emit::declared::Emit;
use crate::session::ActiveSession;
use crate::wire::event::{AuthEvent, Session, User};

const SIGN_IN: &str = "/api/auth/sign-in/email";

async fn signing_in<B>(_request: Request<B>) -> Response<Full<Bytes>> {
    sign_in_answer()
}

#[tokio::test]
async fn the_events_are_stored_before_the_answer_is_released() {
    let store = TestStore::closed();
    let service = store.layer().layer(Counting::new(signing_in::<TestBody>));
    let response = tokio::spawn(service.oneshot(post(SIGN_IN, &json!({}))));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!response.is_finished());

    store.open();
    let response = response.await.unwrap().unwrap();

    assert_eq!(store.names(), ["session.created"]);
    assert_eq!(
        bytes_of(response.into_body()).await,
        bytes_of(sign_in_answer().into_body()).await
    );
}

#[tokio::test]
async fn only_the_service_that_was_polled_ready_is_called() {
    let store = TestStore::new();
    let inner = Counting::new(signing_in::<TestBody>);
    let calls = inner.calls();
    let mut service = store.layer().layer(inner);
    for path in [SIGN_IN, "/other", SIGN_IN] {
        let ready = service.ready().await.unwrap();
        ready.call(post(path, &json!({}))).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    assert_eq!(store.names().len(), 2);
}

#[tokio::test]
async fn what_is_not_captured_passes_frame_by_frame() {
    let (to_request, request_body) = streamed();
    let (to_response, response_body) = streamed();
    let response_body = Arc::new(Mutex::new(Some(response_body)));
    let echo = Counting::new(move |request: Request<BufferedBody<_>>| {
        let response_body = response_body.lock().unwrap().take().unwrap();
        async move {
            let mut body = request.into_body();
            let first = body.frame().await.unwrap().unwrap();
            assert_eq!(first.into_data().unwrap(), "first");
            tokio::spawn(async move { assert!(body.frame().await.is_none()) });
            Response::new(response_body)
        }
    });
    let store = TestStore::new();
    let service = store.layer().layer(echo);
    let request = Request::post("/api/auth/sign-in/other")
        .body(request_body)
        .unwrap();
    to_request.send(Frame::data("first".into())).unwrap();

    let response = service.oneshot(request).await.unwrap();

    let mut body = response.into_body();
    assert!(!body.is_end_stream());
    for part in ["one", "two"] {
        to_response.send(Frame::data(part.into())).unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), part);
    }
    let trailers = HeaderMap::from_iter([(header::ETAG, "x".parse().unwrap())]);
    to_response.send(Frame::trailers(trailers.clone())).unwrap();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_trailers().unwrap(), trailers);
    drop((to_request, to_response));
    assert!(body.frame().await.is_none());
    assert!(store.names().is_empty());
}

#[tokio::test]
async fn a_captured_answer_keeps_status_headers_bytes_and_trailers() {
    let trailers = HeaderMap::from_iter([(header::ETAG, "x".parse().unwrap())]);
    let sent = trailers.clone();
    let inner = Counting::new(move |_request: Request<TestBody>| {
        let (to_response, body) = streamed();
        for part in [r#"{"token":"a-session-token","#, r#""user":{"id":"u1"}}"#] {
            to_response.send(Frame::data(part.into())).unwrap();
        }
        to_response.send(Frame::trailers(sent.clone())).unwrap();
        async move {
            Response::builder()
                .header("x-own", "1")
                .header(header::CONTENT_TYPE, "application/json")
                .body(body)
                .unwrap()
        }
    });
    let store = TestStore::new();
    let response = store
        .layer()
        .layer(inner)
        .oneshot(post(SIGN_IN, &json!({})))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["x-own"], "1");
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    assert_eq!(
        body.to_bytes(),
        r#"{"token":"a-session-token","user":{"id":"u1"}}"#
    );
    assert_eq!(store.names(), ["session.created"]);
}

#[tokio::test]
async fn the_inner_service_gets_the_very_same_request() {
    for cap in [0, 10, 1_000] {
        let path = if cap == 1_000 {
            SIGN_IN
        } else {
            "/api/auth/update-user"
        };
        let inner = Counting::new(|request: Request<TestBody>| async move {
            assert_eq!(request.headers()["x-own"], "1");
            assert_eq!(request.extensions().get::<u8>(), Some(&7));
            let hint = request.body().size_hint().exact();
            let body = bytes_of(request.into_body()).await;
            assert_eq!(hint, Some(body.len() as u64));
            assert_eq!(body, r#"{"email":"a@example.com"}"#);
            sign_in_answer()
        });
        let store = TestStore::new();
        let mut request = post(path, &json!({"email": "a@example.com"}));
        request.headers_mut().insert("x-own", "1".parse().unwrap());
        request.extensions_mut().insert(7_u8);
        let layer = store.layer().with_body_limit(cap);
        let response = layer.layer(inner).oneshot(request).await.unwrap();
        assert_eq!(
            bytes_of(response.into_body()).await,
            bytes_of(sign_in_answer().into_body()).await
        );
        assert_eq!(
            store.names().len(),
            usize::from(path == SIGN_IN),
            "cap {cap}"
        );
    }
}

#[tokio::test]
async fn a_request_over_the_cap_does_not_hide_what_the_answer_says() {
    let store = TestStore::new();
    let service = store
        .layer()
        .with_body_limit(100)
        .layer(Counting::new(signing_in::<TestBody>));
    let padded = json!({"padding": "x".repeat(10_000)});
    service.oneshot(post(SIGN_IN, &padded)).await.unwrap();
    assert_eq!(store.names(), ["session.created"]);
}

/// Runs a request to revoke an API key, and returns the answer's status and how often the server
/// was asked.
async fn revoking(store: &TestStore, request: Request<Full<Bytes>>) -> (StatusCode, usize) {
    let inner = Counting::new(|_: Request<TestBody>| async { answer(&json!({"success": true})) });
    let calls = inner.calls();
    let layer = store.layer().with_body_limit(2_000);
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    (response.status(), calls.load(Ordering::SeqCst))
}

const REVOKE: &str = "/api/auth/api-key/delete";

#[tokio::test]
async fn json_that_only_javascript_reads_hides_no_event() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for rest in [r#""\ud800""#, "1e999", &deep, "\"\u{feff}\""] {
        let body = format!(r#"{{"keyId":"k1","x":{rest}}}"#);
        for media_type in ["application/json", "application/jsonx", "text/plain"] {
            let store = TestStore::new();
            let request = Request::post(REVOKE)
                .header(header::CONTENT_TYPE, media_type)
                .body(Full::from(body.clone()));
            revoking(&store, request.unwrap()).await;
            assert_eq!(store.data(), [json!({"id": "k1"})], "{media_type}: {body}");
        }
    }
    let store = TestStore::new();
    let body = br#"{"keyId":"k1","x":"?"}"#.map(|byte| if byte == b'?' { 0xff } else { byte });
    let request = Request::post(REVOKE).body(Full::from(body.to_vec()));
    revoking(&store, request.unwrap()).await;
    assert_eq!(store.names(), ["api_key.revoked"]);
}

#[tokio::test]
async fn an_answer_that_only_javascript_reads_makes_its_events() {
    let store = TestStore::new();
    let inner = Counting::new(|_: Request<TestBody>| async {
        let body = r#"{"token":"a-session-token","user":{"id":"u1","name":"\ud800"}}"#;
        Response::new(Full::<Bytes>::from(body))
    });
    let request = post("/api/auth/sign-up/email", &json!({}));
    store.layer().layer(inner).oneshot(request).await.unwrap();
    assert_eq!(store.names(), ["user.created", "session.created"]);
    assert_eq!(store.data()[0], json!({"id": "u1", "name": "\u{fffd}"}));
}

#[tokio::test]
async fn metadata_nested_as_deep_as_can_be_read_makes_an_event_that_can_be_read() {
    for levels in [1, 62, 63, 64, 126, 200] {
        let store = TestStore::new();
        let metadata = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for metadata in [metadata.clone(), serde_json::to_string(&metadata).unwrap()] {
            let body = format!(r#"{{"id":"o1","metadata":{metadata}}}"#);
            let inner = Counting::new(move |_: Request<TestBody>| {
                let response = Response::new(Full::<Bytes>::from(body.clone()));
                async { response }
            });
            let request = post("/api/auth/organization/create", &json!({}));
            store.layer().layer(inner).oneshot(request).await.unwrap();
        }
        let data = store.data();
        assert_eq!(data.len(), 2, "{levels}");
        assert!(data.iter().all(|it| it["metadata"].is_array()), "{levels}");
    }
}

#[tokio::test]
async fn a_request_that_its_rule_could_not_see_is_refused_before_the_call() {
    let store = TestStore::new();
    let padded = json!({"keyId": "k1", "padding": "x".repeat(3_000)});
    let refused = revoking(&store, post(REVOKE, &padded)).await;
    assert_eq!(refused, (StatusCode::PAYLOAD_TOO_LARGE, 0));

    let mut encoded = post(REVOKE, &json!({"keyId": "k1"}));
    let encoding = "gzip".parse().unwrap();
    encoded
        .headers_mut()
        .insert(header::CONTENT_ENCODING, encoding);
    let refused = revoking(&store, encoded).await;
    assert_eq!(refused, (StatusCode::UNSUPPORTED_MEDIA_TYPE, 0));
    assert!(store.names().is_empty());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_handed_on_with_its_error() {
    let inner = Counting::new(|request: Request<BufferedBody<_>>| async move {
        let mut body = request.into_body();
        let first = body.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "{");
        assert!(body.frame().await.unwrap().is_err());
        assert!(body.frame().await.is_none());
        sign_in_answer()
    });
    let frames = [Ok(Frame::data(Bytes::from("{"))), Err("broken off")];
    let mut frames = frames.into_iter();
    let body = http_body_util::StreamBody::new(Polled(move || frames.next()));
    let request = Request::post(SIGN_IN).body(body).unwrap();
    let store = TestStore::new();
    store.layer().layer(inner).oneshot(request).await.unwrap();
    assert_eq!(store.names(), ["session.created"]);
}

struct Polled<F>(F);

impl<T, F: FnMut() -> Option<T> + Unpin> futures_core::Stream for Polled<F> {
    type Item = T;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<T>> {
        std::task::Poll::Ready((self.0)())
    }
}

#[tokio::test(start_paused = true)]
async fn a_captured_request_that_stalls_is_refused_before_the_call() {
    let (to_request, body) = streamed();
    to_request.send(Frame::data("{".into())).unwrap();
    let inner = Counting::new(signing_in::<BufferedBody<_>>);
    let calls = inner.calls();
    let request = Request::post(SIGN_IN).body(body).unwrap();
    let response = TestStore::new().layer().layer(inner).oneshot(request);
    let refused = slug_of(response.await.unwrap()).await;
    assert_eq!(
        refused,
        (StatusCode::REQUEST_TIMEOUT, "body-timeout".into())
    );
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_captured_response_that_stalls_is_given_up_after_a_minute() {
    for choice in [StoreFailurePolicy::FailClosed, StoreFailurePolicy::FailOpen] {
        let (to_response, body) = streamed();
        to_response.send(Frame::data("{".into())).unwrap();
        let body = Arc::new(Mutex::new(Some(body)));
        let inner = Counting::new(move |_: Request<TestBody>| {
            let body = body.lock().unwrap().take().unwrap();
            async { Response::new(body) }
        });
        let store = TestStore::new();
        let layer = store.layer().with_store_failure_policy(choice);
        let began = tokio::time::Instant::now();
        let response = layer.layer(inner).oneshot(post(SIGN_IN, &json!({}))).await;
        assert_eq!(began.elapsed().as_secs(), 60);
        let response = response.unwrap();
        if choice == StoreFailurePolicy::FailClosed {
            assert_eq!(slug_of(response).await.1, "events-lost");
            continue;
        }
        to_response.send(Frame::data("}".into())).unwrap();
        drop(to_response);
        assert_eq!(bytes_of(response.into_body()).await, "{}", "as it is");
        assert!(store.names().is_empty());
    }
}

#[tokio::test]
async fn a_caller_that_hangs_up_cancels_neither_the_call_nor_the_store() {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let signals = (Arc::clone(&entered), Arc::clone(&go_on));
    let inner = Counting::new(move |_: Request<TestBody>| {
        let (entered, go_on) = signals.clone();
        async move {
            entered.notify_one();
            go_on.notified().await;
            sign_in_answer()
        }
    });
    let store = TestStore::closed();
    let caller = tokio::spawn(
        store
            .layer()
            .layer(inner)
            .oneshot(post(SIGN_IN, &json!({}))),
    );
    entered.notified().await;

    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    go_on.notify_one();
    store.open();

    until(|| !store.names().is_empty()).await;
    assert_eq!(store.names(), ["session.created"]);
}

#[tokio::test]
async fn a_caller_that_hangs_up_while_a_declared_event_is_stored_does_not_lose_it() {
    let inner = Counting::new(|_: Request<TestBody>| async {
        let mut response = sign_in_answer();
        Emit(AuthEvent::user_created(&User::new("u1"))).attach(&mut response);
        response
    });
    let store = TestStore::closed();
    let mut response = Box::pin(store.layer().layer(inner).oneshot(post("/own", &json!({}))));
    for _ in 0..10 {
        let polled = std::future::poll_fn(|cx| {
            let polled = response.as_mut().poll(cx);
            std::task::Poll::Ready(polled)
        });
        assert!(polled.await.is_pending());
    }
    drop(response);
    store.open();
    until(|| !store.names().is_empty()).await;
    assert_eq!(store.names(), ["user.created"]);
}

/// Lets other tasks run until `condition` holds.
async fn until(condition: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if condition() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came to be");
}

#[tokio::test]
async fn a_panic_of_the_inner_service_reaches_the_caller_and_makes_no_event() {
    let store = TestStore::new();
    let service = store
        .layer()
        .layer(Counting::new(|_: Request<TestBody>| async {
            if true {
                std::panic::resume_unwind(Box::new("inner"));
            }
            sign_in_answer()
        }));
    let call = AssertUnwindSafe(service.oneshot(post(SIGN_IN, &json!({}))));
    let panic = tokio::spawn(async move { call.0.await.map(drop) }).await;
    let panic = panic.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"inner"));
    assert!(store.names().is_empty());
}

#[tokio::test]
async fn an_error_of_the_inner_service_is_handed_on_as_it_is() {
    let store = TestStore::new();
    let inner = service_fn(|_: Request<TestBody>| async { Err::<Response<Full<Bytes>>, _>(42) });
    for path in [SIGN_IN, "/other"] {
        let failed = store.layer().layer(inner).oneshot(post(path, &json!({})));
        assert_eq!(failed.await.unwrap_err(), 42);
    }
    assert!(store.names().is_empty());
}

#[tokio::test]
async fn with_the_store_down_no_captured_call_is_made() {
    let store = TestStore::new();
    store.take_down();
    let inner = Counting::new(signing_in::<TestBody>);
    let calls = inner.calls();
    let service = store.layer().layer(inner);

    let response = service
        .clone()
        .oneshot(post(SIGN_IN, &json!({})))
        .await
        .unwrap();

    assert_eq!(response.headers()[header::RETRY_AFTER], "5");
    let refused = slug_of(response).await;
    assert_eq!(
        refused,
        (StatusCode::SERVICE_UNAVAILABLE, "store-unavailable".into())
    );
    assert_eq!(calls.load(Ordering::SeqCst), 0);

    let other = service.oneshot(post("/other", &json!({}))).await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_events_cannot_be_stored_is_withheld_and_nothing_says_try_again() {
    let store = TestStore::new();
    store.fill();
    let service = store.layer().layer(Counting::new(signing_in::<TestBody>));
    let response = service.oneshot(post(SIGN_IN, &json!({}))).await.unwrap();
    assert!(!response.headers().contains_key(header::RETRY_AFTER));
    let refused = slug_of(response).await;
    assert_eq!(
        refused,
        (StatusCode::SERVICE_UNAVAILABLE, "events-lost".into())
    );
    assert_eq!(store.tries().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_within_seconds_gets_the_same_messages() {
    for path in [SIGN_IN, "/own"] {
        let store = TestStore::new();
        store.refuse(3);
        let inner = Counting::new(move |_: Request<TestBody>| async move {
            let mut response = sign_in_answer();
            if path == "/own" {
                Emit(AuthEvent::user_created(&User::new("u1"))).attach(&mut response);
            }
            response
        });
        let call = store.layer().layer(inner).oneshot(post(path, &json!({})));
        assert_eq!(call.await.unwrap().status(), StatusCode::OK);
        assert_eq!(store.names().len(), 1);
        let tries = store.tries();
        assert_eq!(tries.len(), 4);
        assert!(tries.iter().all(|ids| *ids == tries[0]), "{tries:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_not_waited_for() {
    let store = TestStore::new();
    store.hang();
    let inner = Counting::new(signing_in::<TestBody>);
    let calls = inner.calls();
    let call = store
        .layer()
        .layer(inner)
        .oneshot(post(SIGN_IN, &json!({})));
    let began = tokio::time::Instant::now();
    let refused = slug_of(call.await.unwrap()).await;
    assert_eq!(refused.1, "store-unavailable");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_eq!(began.elapsed().as_secs(), 5);

    let store = TestStore::closed();
    let inner = Counting::new(signing_in::<TestBody>);
    let call = store
        .layer()
        .layer(inner)
        .oneshot(post(SIGN_IN, &json!({})));
    let began = tokio::time::Instant::now();
    let refused = slug_of(call.await.unwrap()).await;
    assert_eq!(refused.1, "events-lost");
    assert!(began.elapsed() < Duration::from_secs(16));
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_does_not_answer_refuses_the_call() {
    let store = TestStore::new();
    let layer = store.layer_with(|_: HeaderMap| async {
        pending::<()>().await;
        Ok(None)
    });
    let inner = Counting::new(|_: Request<TestBody>| async { answer(&json!({"success": true})) });
    let calls = inner.calls();
    let request = post("/api/auth/sign-out", &json!({}));
    let refused = slug_of(layer.layer(inner).oneshot(request).await.unwrap()).await;
    assert_eq!(refused.1, "session-unknown");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn by_choice_the_answer_goes_out_whatever_the_store_does() {
    let store = TestStore::new();
    store.take_down();
    store.fill();
    let layer = store
        .layer()
        .with_store_failure_policy(StoreFailurePolicy::FailOpen);
    let service = layer.layer(Counting::new(signing_in::<TestBody>));
    let response = service.oneshot(post(SIGN_IN, &json!({}))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        bytes_of(response.into_body()).await,
        bytes_of(sign_in_answer().into_body()).await
    );
}

#[tokio::test]
async fn a_status_that_is_not_captured_makes_no_event() {
    let store = TestStore::new();
    for status in [302, 400, 401, 403, 422, 500] {
        let inner = Counting::new(move |_: Request<TestBody>| async move {
            let mut response = sign_in_answer();
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            response
        });
        let service = store.layer().layer(inner);
        let response = service.oneshot(post(SIGN_IN, &json!({}))).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
    }
    assert!(store.names().is_empty());
}

fn active() -> ActiveSession {
    ActiveSession::new(&User::new("u1"), &Session::of_token("a-session-token"))
}

const COOKIE: &str = "better-auth.session_token=a-session-token.sig";

fn with_cookie(path: &str) -> Request<Full<Bytes>> {
    let mut request = post(path, &json!({}));
    let cookie = COOKIE.parse().unwrap();
    request.headers_mut().insert(header::COOKIE, cookie);
    request
}

/// How many calls there were, and which cookies, at each look.
type Looks = Arc<Mutex<Vec<(usize, Option<String>)>>>;

/// A lookup that knows the one session while `calls` is 0, and notes how many calls there were when
/// it was asked, and with which cookies.
fn noting(calls: &Arc<AtomicUsize>) -> (impl crate::session::SessionLookup, Looks) {
    let looks = Looks::default();
    let (noted, calls) = (Arc::clone(&looks), Arc::clone(calls));
    let lookup = move |headers: HeaderMap| {
        let cookie = headers
            .get(header::COOKIE)
            .map(|it| it.to_str().unwrap().to_owned());
        let made = calls.load(Ordering::SeqCst);
        let session = (made == 0 && cookie.is_some()).then(active);
        noted.lock().unwrap().push((made, cookie));
        async { Ok::<_, BoxError>(session) }
    };
    (lookup, looks)
}

#[tokio::test]
async fn the_session_is_looked_up_before_the_call_and_after_it() {
    let store = TestStore::new();
    let inner = Counting::new(|_: Request<TestBody>| async {
        let mut response = answer(&json!({"success": true}));
        let cleared = "better-auth.session_token=; Max-Age=0".parse().unwrap();
        response.headers_mut().insert(header::SET_COOKIE, cleared);
        response
    });
    let (lookup, looks) = noting(&inner.calls());
    let service = store.layer_with(lookup).layer(inner);
    service
        .oneshot(with_cookie("/api/auth/sign-out"))
        .await
        .unwrap();
    assert_eq!(
        *looks.lock().unwrap(),
        [(0, Some(COOKIE.into())), (1, None)]
    );
    assert_eq!(store.names(), ["session.revoked"]);
    let handle = crate::wire::event::SessionHandle::of_token("a-session-token");
    assert_eq!(store.data(), [json!({"handle": handle, "userId": "u1"})]);
}

#[tokio::test]
async fn on_a_path_that_no_rule_names_only_a_changed_cookie_is_looked_up() {
    for (set, names, looked) in [
        (None, vec![], vec![]),
        (
            Some("better-auth.session_token=a-session-token.sig"),
            vec![],
            vec![],
        ),
        (
            Some("better-auth.session_token=; Max-Age=0"),
            vec!["session.revoked"],
            vec![(1, None)],
        ),
        (
            Some("better-auth.session_token=token-2.sig"),
            vec!["session.revoked"],
            vec![(1, Some("better-auth.session_token=token-2.sig".into()))],
        ),
    ] {
        for path in ["/api/auth/a-plugin/route", "/elsewhere"] {
            let store = TestStore::new();
            let inner = Counting::new(move |_: Request<TestBody>| async move {
                let mut response = answer(&json!({}));
                *response.status_mut() = StatusCode::FOUND;
                if let Some(set) = set {
                    response
                        .headers_mut()
                        .insert(header::SET_COOKIE, set.parse().unwrap());
                }
                response
            });
            let (lookup, looks) = noting(&inner.calls());
            let service = store.layer_with(lookup).layer(inner);
            service.oneshot(with_cookie(path)).await.unwrap();
            assert_eq!(store.names(), names, "{set:?}");
            assert_eq!(*looks.lock().unwrap(), looked, "{set:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_that_clears_a_dead_cookie_makes_no_event_where_no_rule_names_the_path() {
    let store = TestStore::new();
    let inner = Counting::new(|request: Request<TestBody>| async move {
        let mut response = answer(&Value::Null);
        let refused = request.uri().path() != "/api/auth/get-session";
        *response.status_mut() = if refused {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::OK
        };
        let cleared = "better-auth.session_token=; Max-Age=0".parse().unwrap();
        response.headers_mut().insert(header::SET_COOKIE, cleared);
        response
    });
    let service = store.layer().layer(inner);
    for path in ["/api/auth/list-sessions", "/api/auth/get-session"] {
        service.clone().oneshot(with_cookie(path)).await.unwrap();
    }
    assert!(store.names().is_empty());
}

#[tokio::test]
async fn a_response_that_cannot_be_read_is_withheld_unless_the_session_tells() {
    let odd = |kind: &'static str| {
        let mut response = Response::new(Full::from("not JSON"));
        let (name, value) = match kind {
            "compressed" => (header::CONTENT_ENCODING, "gzip"),
            "odd type" => (header::CONTENT_TYPE, "text/html"),
            _ => (header::CONTENT_TYPE, "application/json"),
        };
        response.headers_mut().insert(name, value.parse().unwrap());
        response
    };
    for kind in ["compressed", "odd type", "broken"] {
        for (path, known, choice, slug) in [
            (
                SIGN_IN,
                false,
                StoreFailurePolicy::FailClosed,
                Some("events-lost"),
            ),
            (SIGN_IN, true, StoreFailurePolicy::FailClosed, None),
            (SIGN_IN, false, StoreFailurePolicy::FailOpen, None),
            (
                "/api/auth/organization/create",
                true,
                StoreFailurePolicy::FailClosed,
                Some("events-lost"),
            ),
        ] {
            let store = TestStore::new();
            let inner = Counting::new(move |_: Request<TestBody>| async move { odd(kind) });
            let calls = inner.calls();
            let lookup = move |_: HeaderMap| {
                let session = (known && calls.load(Ordering::SeqCst) == 1).then(active);
                async { Ok::<_, BoxError>(session) }
            };
            let layer = store.layer_with(lookup).with_store_failure_policy(choice);
            let response = layer
                .layer(inner)
                .oneshot(post(path, &json!({})))
                .await
                .unwrap();
            match slug {
                Some(slug) => assert_eq!(slug_of(response).await.1, slug, "{kind} {path}"),
                None => assert_eq!(bytes_of(response.into_body()).await, "not JSON"),
            }
            let expected = usize::from(known && path == SIGN_IN);
            assert_eq!(store.names().len(), expected, "{kind} {path}");
        }
    }
}

#[tokio::test]
async fn a_response_that_is_to_be_read_is_not_asked_for_compressed() {
    for (path, kept) in [(SIGN_IN, false), ("/api/auth/jwks", true)] {
        let inner = Counting::new(|request: Request<TestBody>| async move {
            let asked = request.headers().contains_key(header::ACCEPT_ENCODING);
            answer(&json!({"asked": asked}))
        });
        let mut request = post(path, &json!({}));
        let gzip = "gzip, br".parse().unwrap();
        request.headers_mut().insert(header::ACCEPT_ENCODING, gzip);
        let response = TestStore::new()
            .layer()
            .layer(inner)
            .oneshot(request)
            .await
            .unwrap();
        let body = bytes_of(response.into_body()).await;
        assert_eq!(body, json!({"asked": kept}).to_string(), "{path}");
    }
}

#[tokio::test]
async fn a_lookup_that_fails_refuses_the_call_unless_losing_events_was_chosen() {
    for (choice, status, expected) in [
        (
            StoreFailurePolicy::FailClosed,
            StatusCode::SERVICE_UNAVAILABLE,
            0,
        ),
        (StoreFailurePolicy::FailOpen, StatusCode::OK, 1),
    ] {
        let store = TestStore::new();
        let inner =
            Counting::new(|_: Request<TestBody>| async { answer(&json!({"success": true})) });
        let calls = inner.calls();
        let made = Arc::clone(&calls);
        // It comes back after the call: what was before is not known all the same.
        let lookup = move |_: HeaderMap| {
            let looked = match made.load(Ordering::SeqCst) {
                0 => Err(BoxError::from("no answer")),
                _ => Ok(Some(active())),
            };
            async { looked }
        };
        let layer = store.layer_with(lookup).with_store_failure_policy(choice);
        let response = layer
            .layer(inner)
            .oneshot(post("/api/auth/sign-out", &json!({})));
        assert_eq!(response.await.unwrap().status(), status);
        assert_eq!(calls.load(Ordering::SeqCst), expected);
        assert!(store.names().is_empty());
    }
}

#[tokio::test]
async fn a_route_that_needs_no_session_looks_none_up() {
    let store = TestStore::new();
    let layer = store.layer_with(|_: HeaderMap| async {
        pending::<()>().await;
        Ok(None)
    });
    let inner = Counting::new(|_: Request<TestBody>| async { answer(&json!({"id": "o1"})) });
    let request = post("/api/auth/organization/create", &json!({}));
    layer.layer(inner).oneshot(request).await.unwrap();
    assert_eq!(store.names(), ["organization.created"]);
}

#[tokio::test]
async fn get_session_asks_with_the_credentials_of_the_request_and_nothing_else() {
    use crate::session::{GetSession, SessionLookup as _};

    let body = json!({
        "session": {"id": "s1", "token": "a-session-token"},
        "user": {"id": "u1"},
    });
    for (status, body, found) in [
        (200, body.to_string(), Some(true)),
        (200, "null".into(), Some(false)),
        (401, "{}".into(), Some(false)),
        (500, "{}".into(), None),
        (200, "{}".into(), None),
        (200, "not JSON".into(), None),
    ] {
        let upstream = service_fn(move |request: Request<Full<Bytes>>| {
            assert_eq!(request.method(), Method::GET);
            let asked = request.uri().path_and_query().unwrap().as_str();
            assert_eq!(
                asked,
                "/api/auth/get-session?disableCookieCache=true&disableRefresh=true"
            );
            assert_eq!(request.headers().len(), 1);
            assert_eq!(request.headers()[header::COOKIE], "a=b");
            let response = Response::builder().status(status);
            let response = response.body(Full::<Bytes>::from(body.clone())).unwrap();
            async { Ok::<_, Infallible>(response) }
        });
        let lookup = GetSession::new(upstream, "/api/auth/get-session".parse().unwrap());
        let mut headers = HeaderMap::new();
        assert!(lookup.session(&headers).await.unwrap().is_none());
        headers.insert(header::COOKIE, "a=b".parse().unwrap());
        headers.insert(header::HOST, "example.com".parse().unwrap());
        let session = lookup.session(&headers).await;
        assert_eq!(session.ok().map(|it| it.is_some()), found, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn get_session_does_not_wait_for_ever() {
    use crate::session::{GetSession, SessionLookup as _};

    let upstream = service_fn(|_: Request<Full<Bytes>>| {
        pending::<Result<Response<Full<Bytes>>, Infallible>>()
    });
    let lookup = GetSession::new(upstream, "/get-session".parse().unwrap());
    let headers = HeaderMap::from_iter([(header::COOKIE, "a=b".parse().unwrap())]);
    let asked = tokio::time::timeout(Duration::from_secs(6), lookup.session(&headers));
    assert!(asked.await.unwrap().is_err());
}

#[tokio::test]
async fn an_administrator_revokes_a_session_that_there_is() {
    for (takes_tokens, token, revoked) in [
        (true, "a-session-token", 1),
        (true, "made-up", 0),
        // Without bearer tokens the session cannot be looked up: it counts.
        (false, "a-session-token", 1),
        (false, "made-up", 1),
    ] {
        let store = TestStore::new();
        let looks: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&looks);
        let layer = store.layer_with(move |headers: HeaderMap| {
            counted.fetch_add(1, Ordering::SeqCst);
            let bearer = headers[header::AUTHORIZATION].to_str().unwrap();
            let token = bearer.strip_prefix("Bearer ").unwrap();
            let known = takes_tokens && ["a-session-token", "of-the-admin"].contains(&token);
            let session = Session::of_token(token);
            let session = known.then(|| ActiveSession::new(&User::new("u1"), &session));
            async { Ok::<_, BoxError>(session) }
        });
        let inner =
            Counting::new(|_: Request<TestBody>| async { answer(&json!({"success": true})) });
        let path = "/api/auth/admin/revoke-user-session";
        let mut request = post(path, &json!({"sessionToken": token}));
        let cookie = "better-auth.session_token=of-the-admin.sig"
            .parse()
            .unwrap();
        request.headers_mut().insert(header::COOKIE, cookie);
        layer.layer(inner).oneshot(request).await.unwrap();
        assert_eq!(store.names().len(), revoked, "{takes_tokens} {token}");
        assert!(looks.load(Ordering::SeqCst) <= 2);
    }
}

#[tokio::test]
async fn a_listing_that_fails_refuses_no_call_and_a_token_that_cannot_be_checked_counts() {
    struct Broken(Arc<AtomicUsize>);
    impl crate::session::SessionLookup for Broken {
        async fn session(&self, _: &HeaderMap) -> Result<Option<ActiveSession>, BoxError> {
            Ok(Some(active()))
        }
        async fn read(&self, _: &HeaderMap, _: &str) -> Result<Option<Response<Value>>, BoxError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Err("too many requests".into())
        }
    }
    let reads: Arc<AtomicUsize> = Arc::default();
    let store = TestStore::new();
    let layer = store.layer_with(Broken(Arc::clone(&reads)));
    let inner = Counting::new(|_: Request<TestBody>| async { answer(&json!({"status": true})) });
    let request = post("/api/auth/revoke-session", &json!({"token": "token-2"}));
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(reads.load(Ordering::SeqCst), 1);
    assert_eq!(store.names(), ["session.revoked"]);
}
