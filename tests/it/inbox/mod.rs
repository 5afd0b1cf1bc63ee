//! From a request to the handler by way of an inbox, in every store.

mod killed;
mod migrated;
mod ports;
mod postgres;

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{Request, Response, StatusCode};
use axum::routing::{MethodRouter, post};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tower_auth_sync::StoreFailurePolicy;
use tower_auth_sync::clock::{Clock, SystemClock};
use tower_auth_sync::event::{AuthEvent, VerifiedWebhook};
use tower_auth_sync::id::MessageId;
use tower_auth_sync::inbox::InboxWorker;
use tower_auth_sync::inbox::{Failure, Inbox, MessageState};
use tower_auth_sync::queue::RetryPolicy;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::{Signer, Verifier};
use tower_auth_sync::store::AnyStore;
use tower_auth_sync::testing::ManualClock;
use tower_auth_sync::verify::{VerifyWebhookLayer, Webhook, WebhookRejection};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";

fn body(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","event":"user.created","timestamp":"2026-01-01T00:00:00Z","data":{{"id":"usr_1"}}}}"#
    )
}

/// The message `id`, signed at the clock's time.
fn message(id: &str, clock: &impl Clock) -> Request<Body> {
    let body = body(id);
    let signer = Signer::new(Scheme::banata(), [SECRET]).unwrap();
    let signed = MessageId::new(id).unwrap();
    let request = Request::post("/webhooks/auth?tenant=a").header("x-sender", "auth");
    let mut request = request.body(Body::from(body.clone())).unwrap();
    let headers = signer.sign_at(&signed, clock.now().to_secs(), body.as_bytes());
    headers.apply(request.headers_mut());
    request
}

fn layer(inbox: &Inbox, clock: impl Clock) -> VerifyWebhookLayer {
    let verifier = Verifier::builder(Scheme::banata()).secret(SECRET).unwrap();
    let verifier = verifier.clock(clock).build().unwrap();
    VerifyWebhookLayer::new(verifier).with_inbox(inbox.clone())
}

fn app(inbox: &Inbox, clock: impl Clock, handler: &MethodRouter) -> Router {
    let handler = handler.clone().layer(layer(inbox, clock));
    Router::new().route("/webhooks/auth", handler)
}

/// A handler that must not be called by the layer.
fn nobody() -> MethodRouter {
    post(|| async { panic!("the layer calls the handler") as StatusCode })
}

/// Sends the message to a receiver of its own.
async fn send(inbox: &Inbox, id: &str, clock: &(impl Clock + Clone)) -> Response<Body> {
    let app = app(inbox, clock.clone(), &nobody());
    app.oneshot(message(id, clock)).await.unwrap()
}

async fn send_for_status(inbox: &Inbox, id: &str, clock: &(impl Clock + Clone)) -> StatusCode {
    send(inbox, id, clock).await.status()
}

async fn failed(inbox: &Inbox) -> usize {
    inbox.failed(None, NonZeroU16::MAX).await.unwrap().len()
}

/// Serves the app on a loopback socket.
async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Sends the message over a socket and returns the whole answer.
async fn post_to(address: SocketAddr, id: &str) -> String {
    let (parts, body) = message(id, &SystemClock).into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut text = format!(
        "POST {} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n",
        parts.uri
    );
    for (name, value) in &parts.headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    text.push_str(&format!(
        "cookie: session=hunter2\r\ncontent-length: {}\r\n\r\n",
        body.len()
    ));
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(text.as_bytes()).await.unwrap();
    socket.write_all(&body).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn memory() -> (Inbox, tempfile::TempDir) {
    let store = AnyStore::connect("memory:").await.unwrap();
    (store.inbox("crm").unwrap(), tempfile::tempdir().unwrap())
}

async fn sqlite() -> (Inbox, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().join("auth-sync.db").display());
    let store = AnyStore::connect(&url).await.unwrap();
    (store.inbox("crm").unwrap(), dir)
}

#[tokio::test]
async fn a_request_is_answered_at_once_and_handled_by_the_worker() {
    for (inbox, _dir) in [memory().await, sqlite().await] {
        let (handled, mut seen) = mpsc::unbounded_channel();
        let handler = post(
            async move |delivered: VerifiedWebhook,
                        Webhook(event): Webhook<AuthEvent>,
                        request: Request<Body>| {
                handled.send((delivered, event, request)).unwrap();
                StatusCode::NO_CONTENT
            },
        );
        let address = serve(app(&inbox, SystemClock, &handler)).await;
        let stop = CancellationToken::new();
        let worker = InboxWorker::builder(inbox.clone(), handler)
            .build()
            .unwrap();
        let worker = tokio::spawn(worker.run(stop.clone()));

        let answer = post_to(address, "msg_1").await;
        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        let (delivered, event, request) = seen.recv().await.unwrap();
        assert_eq!(delivered.id(), Some("msg_1"));
        assert!(delivered.id_is_authentic());
        assert_eq!(event.id(), Some("msg_1"));
        assert_eq!(request.uri(), "/webhooks/auth?tenant=a");
        assert_eq!(request.headers()["x-sender"], "auth");
        assert_eq!(
            request.headers()[CONTENT_LENGTH],
            body("msg_1").len().to_string()
        );
        assert!(!request.headers().contains_key("cookie"));
        assert!(!request.headers().contains_key("connection"));
        let bytes = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes, body("msg_1"));
        assert_eq!(delivered.body(), &bytes);

        let answer = post_to(address, "msg_1").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        stop.cancel();
        worker.await.unwrap();
        assert!(seen.try_recv().is_err(), "it was handled once");
        assert_eq!(failed(&inbox).await, 0);
    }
}

#[tokio::test]
async fn a_message_is_a_duplicate_while_it_waits_is_handled_is_done_or_has_failed() {
    for (inbox, _dir) in [memory().await, sqlite().await] {
        let clock = ManualClock::at(SystemClock.now());
        for status in [StatusCode::OK, StatusCode::IM_A_TEAPOT] {
            let id = &format!("msg_{}", status.as_u16());
            assert_eq!(
                send_for_status(&inbox, id, &clock).await,
                StatusCode::ACCEPTED
            );
            let again = send(&inbox, id, &clock).await;
            assert_eq!(again.status(), StatusCode::OK);
            let reason = again.extensions().get::<WebhookRejection>();
            assert_eq!(reason, Some(&WebhookRejection::Duplicate));

            let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let (tell, told) = (Arc::clone(&begun), Arc::clone(&go_on));
            let handler = post(async move || {
                tell.notify_one();
                told.notified().await;
                status
            });
            let once = RetryPolicy::schedule([]).unwrap();
            let worker = InboxWorker::builder(inbox.clone(), handler).retry(once);
            let worker = worker.clock(clock.clone()).build().unwrap();
            let running = tokio::spawn(async move { worker.run_due().await.unwrap() });
            begun.notified().await;
            assert_eq!(send_for_status(&inbox, id, &clock).await, StatusCode::OK);
            go_on.notify_one();
            running.await.unwrap();
            assert_eq!(send_for_status(&inbox, id, &clock).await, StatusCode::OK);
        }
        let failed = inbox.failed(None, NonZeroU16::MAX).await.unwrap();
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].message_id.as_deref(), Some("msg_418"));
        clock.advance(Duration::from_hours(7 * 24));
        assert_eq!(
            send_for_status(&inbox, "msg_200", &clock).await,
            StatusCode::ACCEPTED
        );
    }
}

#[tokio::test]
async fn a_handler_that_fails_is_tried_again_until_it_succeeds() {
    for (inbox, _dir) in [memory().await, sqlite().await] {
        let clock = ManualClock::at(SystemClock.now());
        let runs = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&runs);
        let handler = post(async move || match count.fetch_add(1, Ordering::Relaxed) {
            0 => StatusCode::INTERNAL_SERVER_ERROR,
            1 => panic!("told to"),
            2 => StatusCode::NOT_FOUND,
            _ => StatusCode::CREATED,
        });
        let worker = InboxWorker::builder(inbox.clone(), handler).clock(clock.clone());
        let worker = worker.build().unwrap();
        assert_eq!(
            send_for_status(&inbox, "msg_1", &clock).await,
            StatusCode::ACCEPTED
        );
        for (wait, expected) in [(0, 0), (1, 0), (5, 0), (30, 1)] {
            clock.advance(Duration::from_secs(wait).mul_f64(1.2));
            assert_eq!(worker.run_due().await.unwrap().done, expected, "{wait}");
            assert_eq!(
                worker.run_due().await.unwrap().done,
                0,
                "not before its time"
            );
        }
        assert_eq!(runs.load(Ordering::Relaxed), 4);
        assert_eq!(failed(&inbox).await, 0);
    }
}

#[tokio::test]
async fn a_handler_that_never_succeeds_is_given_up_and_helped_by_requeueing() {
    for (inbox, _dir) in [memory().await, sqlite().await] {
        let clock = ManualClock::at(SystemClock.now());
        let broken = post(async || StatusCode::BAD_GATEWAY);
        let worker = InboxWorker::builder(inbox.clone(), broken).clock(clock.clone());
        let worker = worker.build().unwrap();
        send(&inbox, "msg_1", &clock).await;
        for _ in 0..12 {
            assert_eq!(worker.run_due().await.unwrap().failed, 1);
            clock.advance(Duration::from_hours(10));
        }
        assert_eq!(worker.run_due().await.unwrap().failed, 0);
        let record = inbox.failed(None, NonZeroU16::MIN).await.unwrap().remove(0);
        assert_eq!(
            record.failure,
            Some(Failure::Status(StatusCode::BAD_GATEWAY))
        );
        assert_eq!(record.attempts, 12);

        assert!(
            inbox
                .clone()
                .with_clock(clock.clone())
                .requeue(&record.id)
                .await
                .unwrap()
        );
        let mended = post(async |_: Webhook<AuthEvent>| StatusCode::NO_CONTENT);
        let worker = InboxWorker::builder(inbox.clone(), mended).clock(clock.clone());
        let worker = worker.build().unwrap();
        assert_eq!(worker.run_due().await.unwrap().done, 1);
        let record = inbox.find(&record.id).await.unwrap().unwrap();
        assert_eq!(record.state, MessageState::Done);
    }
}

/// Sends one message so often at once, by as many receivers; returns how many were told that it is
/// new.
async fn race(inboxes: &[Inbox], times: usize) -> usize {
    let mut sending = JoinSet::new();
    for inbox in inboxes.iter().cycle().take(times) {
        let inbox = inbox.clone();
        sending.spawn(async move { send_for_status(&inbox, "msg_1", &SystemClock).await });
    }
    let statuses = sending.join_all().await;
    let new = |status: &&StatusCode| **status == StatusCode::ACCEPTED;
    let known = |status: &&StatusCode| **status == StatusCode::OK;
    let news = statuses.iter().filter(new).count();
    assert_eq!(
        statuses.iter().filter(known).count(),
        times - news,
        "{statuses:?}"
    );
    news
}

#[tokio::test]
async fn of_equal_requests_at_once_one_is_stored() {
    for (inbox, _dir) in [memory().await, sqlite().await] {
        assert_eq!(race(&[inbox.clone(), inbox.clone()], 32).await, 1);
        let handler = post(async || StatusCode::OK);
        let worker = InboxWorker::builder(inbox, handler).build().unwrap();
        assert_eq!(worker.run_due().await.unwrap().done, 1);
    }
}

#[tokio::test]
async fn while_the_store_fails_the_sender_is_asked_to_come_again_and_nothing_is_stored() {
    let (inbox, dir) = sqlite().await;
    let url = format!("sqlite://{}", dir.path().join("auth-sync.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let rename = "ALTER TABLE tas_dedupe RENAME TO tas_gone";
    sqlx::query(rename).execute(&pool).await.unwrap();

    let open = layer(&inbox, SystemClock).with_store_failure_policy(StoreFailurePolicy::FailOpen);
    let app = Router::new().route("/webhooks/auth", nobody().layer(open));
    let response = app.oneshot(message("msg_1", &SystemClock)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "10");
    let reason = response.extensions().get::<WebhookRejection>();
    assert_eq!(reason, Some(&WebhookRejection::StoreFailed));
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert!(text.ends_with(br#""status":503}"#), "{text:?}");

    // The message is the last to be written: with it the claim is undone.
    let rename = "ALTER TABLE tas_gone RENAME TO tas_dedupe";
    sqlx::query(rename).execute(&pool).await.unwrap();
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON tas_inbox
        BEGIN SELECT RAISE(ABORT, 'told to'); END";
    sqlx::query(trigger).execute(&pool).await.unwrap();
    let status = send_for_status(&inbox, "msg_1", &SystemClock).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let count = sqlx::query_scalar("SELECT count(*) FROM tas_dedupe");
    let count: i64 = count.fetch_one(&pool).await.unwrap();
    assert_eq!(count, 0);

    sqlx::query("DROP TRIGGER refuse")
        .execute(&pool)
        .await
        .unwrap();
    let status = send_for_status(&inbox, "msg_1", &SystemClock).await;
    assert_eq!(status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn what_does_not_verify_is_not_stored() {
    let (inbox, _dir) = memory().await;
    let app = app(&inbox, SystemClock, &nobody());
    let mut forged = message("msg_1", &SystemClock);
    *forged.body_mut() = Body::from("{}");
    let response = app.clone().oneshot(forged).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let unsigned = Request::post("/webhooks/auth")
        .body(Body::from("{}"))
        .unwrap();
    let response = app.oneshot(unsigned).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let worker = InboxWorker::builder(inbox, nobody()).build().unwrap();
    assert_eq!(worker.run_due().await.unwrap().failed, 0);
}

#[tokio::test]
async fn two_receivers_on_one_store_do_not_handle_each_others_messages() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", dir.path().join("auth-sync.db").display());
    let store = AnyStore::connect(&url).await.unwrap();
    let (crm, billing) = (store.inbox("crm").unwrap(), store.inbox("billing").unwrap());
    for inbox in [&crm, &billing] {
        let status = send_for_status(inbox, "msg_1", &SystemClock).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    for inbox in [crm, billing] {
        let handler = post(async || StatusCode::OK);
        let worker = InboxWorker::builder(inbox, handler).build().unwrap();
        assert_eq!(worker.run_due().await.unwrap().done, 1);
        assert_eq!(worker.run_due().await.unwrap().done, 0);
    }
}
