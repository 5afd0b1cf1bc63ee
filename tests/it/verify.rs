//! The receiver: recorded requests of real packages through the layer, and misbehaving clients on a
//! real socket.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::routing::post;
use base64ct::{Base64, Encoding as _};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tower::ServiceExt as _;
use tower_auth_sync::clock::{Clock as _, SystemClock, UnixTime};
use tower_auth_sync::dedupe::MemoryDedupe;
use tower_auth_sync::event::VerifiedWebhook;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::{Signer, Verifier};
use tower_auth_sync::testing::ManualClock;
use tower_auth_sync::verify::{TenantKeys, VerifyWebhookLayer};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";

#[derive(Deserialize)]
struct Vector {
    name: String,
    scheme: String,
    secret: String,
    now: u64,
    tolerance_s: u64,
    headers: Vec<(String, String)>,
    #[serde(default)]
    headers_base64: Vec<(String, String)>,
    body_base64: Option<String>,
    body_repeat: Option<Repeat>,
    expect: String,
}

#[derive(Deserialize)]
struct Repeat {
    byte: u8,
    n: usize,
}

impl Vector {
    fn scheme(&self) -> Option<Scheme> {
        match self.scheme.as_str() {
            "banata-live" => Some(Scheme::banata_sdk()),
            name => Scheme::by_name(name),
        }
    }

    fn body(&self) -> Vec<u8> {
        match (&self.body_base64, &self.body_repeat) {
            (Some(text), _) => Base64::decode_vec(text).unwrap(),
            (None, Some(repeat)) => vec![repeat.byte; repeat.n],
            (None, None) => Vec::new(),
        }
    }

    /// `None`: a header that no HTTP message can hold.
    fn request(&self) -> Option<Request> {
        let mut request = Request::post("/").body(Body::from(self.body())).unwrap();
        let plain = self.headers.iter();
        let plain = plain.map(|(name, value)| (name, value.clone().into_bytes()));
        let coded = self.headers_base64.iter();
        let coded = coded.map(|(name, value)| (name, Base64::decode_vec(value).unwrap()));
        for (name, value) in plain.chain(coded) {
            let name: HeaderName = name.parse().ok()?;
            let value = HeaderValue::from_bytes(&value).ok()?;
            request.headers_mut().append(name, value);
        }
        Some(request)
    }
}

#[tokio::test]
async fn every_recorded_request_of_the_presets_gets_the_right_answer() {
    let vectors = include_str!("../data/webhook-vectors.json");
    let vectors: Vec<Vector> = serde_json::from_str(vectors).unwrap();
    let mut judged = 0;
    for vector in vectors {
        let (Some(scheme), Some(request)) = (vector.scheme(), vector.request()) else {
            continue;
        };
        let builder = Verifier::builder(scheme)
            .tolerance(Duration::from_secs(vector.tolerance_s))
            .dangerous_allow_short_secret();
        let Ok(builder) = builder.secret(vector.secret.clone()) else {
            continue;
        };
        let clock = ManualClock::at(UnixTime::from_secs(vector.now));
        let Ok(verifier) = builder.clock(clock).build() else {
            continue;
        };
        let body = Bytes::from(vector.body());
        let handler = |delivered: VerifiedWebhook, got: Bytes| async move {
            assert_eq!((&got, delivered.body()), (&body, &body));
            StatusCode::NO_CONTENT
        };
        let layer = VerifyWebhookLayer::new(verifier).with_body_limit(usize::MAX);
        let app = Router::new().route("/", post(handler).layer(layer));
        let app = app.layer(axum::extract::DefaultBodyLimit::disable());
        let status = app.oneshot(request).await.unwrap().status();
        let expected = if vector.expect == "accept" { 2 } else { 4 };
        assert_eq!(status.as_u16() / 100, expected, "{}: {status}", vector.name);
        judged += 1;
    }
    assert!(judged > 300, "{judged}");
}

/// A receiver on a loopback port, whose handler counts.
async fn serve(layer: VerifyWebhookLayer) -> (SocketAddr, Arc<AtomicUsize>) {
    let handled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&handled);
    let handler = move || async move {
        counter.fetch_add(1, Ordering::SeqCst);
        StatusCode::NO_CONTENT
    };
    let app = Router::new().route("/webhooks", post(handler).layer(layer));
    (listen(app).await, handled)
}

async fn listen(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    addr
}

fn layer() -> VerifyWebhookLayer {
    VerifyWebhookLayer::new(Verifier::new(Scheme::banata(), [SECRET]).unwrap())
}

/// The head of a request signed over `body`, with `framing` as its last header line.
fn head(id: &str, body: &[u8], framing: &str) -> String {
    let signer = Signer::new(Scheme::banata(), [SECRET]).unwrap();
    head_to("/webhooks", &signer, id, body, framing)
}

fn head_to(path: &str, signer: &Signer, id: &str, body: &[u8], framing: &str) -> String {
    let id = MessageId::new(id).unwrap();
    let headers = signer.sign_at(&id, SystemClock.now().to_secs(), body);
    let lines = headers.into_iter().map(|(name, value)| {
        let value = value.to_str().unwrap();
        format!("{name}: {value}\r\n")
    });
    let lines: String = lines.collect();
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{lines}{framing}\r\n\r\n")
}

fn whole(id: &str, body: &str) -> String {
    let framing = format!("content-length: {}", body.len());
    head(id, body.as_bytes(), &framing) + body
}

async fn ask(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn a_chunked_body_over_the_cap_is_413_and_its_rest_is_no_request() {
    let (addr, handled) = serve(layer()).await;
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let sending = tokio::spawn(async move {
        let head = head("msg_1", b"", "transfer-encoding: chunked");
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        // A smuggled request, as a parser would see it that lost its place in the body.
        let smuggled = whole("msg_2", "{}");
        let smuggled = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
        let mut wire = head.into_bytes();
        wire.extend(chunk.repeat(64).into_bytes());
        wire.extend(smuggled.into_bytes());
        // The server may close before all is sent.
        let _ = write.write_all(&wire).await;
    });
    let mut answers = Vec::new();
    let _ = read.read_to_end(&mut answers).await;
    sending.await.unwrap();
    let answers = String::from_utf8_lossy(&answers);
    assert!(answers.starts_with("HTTP/1.1 413 "), "{answers}");
    assert!(answers.contains("body-too-large"), "{answers}");
    assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{answers}");
    assert_eq!(handled.load(Ordering::SeqCst), 0);

    let answer = ask(addr, &whole("msg_2", "{}")).await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
}

/// Sends the body in chunks of one byte, two, three, …, each in a packet of its own where the system
/// lets it.
async fn send_in_pieces(addr: SocketAddr, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut rest, mut length) = (body, 0);
    while !rest.is_empty() {
        length = (length + 1).min(rest.len());
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        let chunk = [format!("{length:x}\r\n").as_bytes(), piece, b"\r\n"].concat();
        stream.write_all(&chunk).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn a_chunked_body_in_many_pieces_is_verified_and_handed_on_as_it_was_signed() {
    const PRIVATE: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    const PUBLIC: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    const CHUNKED: &str = "transfer-encoding: chunked";
    let body = format!(r#"{{"id":"msg_1","data":"{}"}}"#, "é\u{1f512} ".repeat(500));
    for (scheme, signing, verifying) in [
        (Scheme::banata(), SECRET, SECRET),
        (Scheme::standard_webhooks(), SECRET, SECRET),
        (Scheme::standard_webhooks_v1a(), PRIVATE, PUBLIC),
    ] {
        let expected = body.clone();
        let handler = |delivered: VerifiedWebhook, got: Bytes| async move {
            assert_eq!((&got[..], delivered.body()), (expected.as_bytes(), &got));
            StatusCode::NO_CONTENT
        };
        let verifier = Verifier::new(scheme.clone(), [verifying]).unwrap();
        let layer = VerifyWebhookLayer::new(verifier);
        let addr = listen(Router::new().route("/webhooks", post(handler).layer(layer))).await;
        let signer = Signer::new(scheme, [signing]).unwrap();
        let head = head_to("/webhooks", &signer, "msg_1", body.as_bytes(), CHUNKED);

        let mut forged = body.clone().into_bytes();
        forged[2] ^= 1;
        let answer = send_in_pieces(addr, &head, &forged).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        let answer = send_in_pieces(addr, &head, body.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
        let answer = send_in_pieces(addr, &head, body.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

const OTHER_SECRET: &str = "whsec_bm1sa2ppaGdmZWRjYmE5ODc2NTQzMjEw";

/// Finds the keys of `acme` and `other` by the path; those of `broken` cannot be had.
fn layer_for_tenants() -> VerifyWebhookLayer {
    let tenants = [("acme", SECRET), ("other", OTHER_SECRET)].map(|(name, secret)| {
        let verifier = Verifier::new(Scheme::standard_webhooks(), [secret]).unwrap();
        (name, TenantKeys::new(name, verifier))
    });
    let tenants = Arc::new(HashMap::from(tenants));
    VerifyWebhookLayer::from_provider(move |request: &Parts| {
        let name = request.uri.path().strip_prefix("/webhooks/");
        let name = name.map(str::to_owned);
        let tenants = Arc::clone(&tenants);
        async move {
            // As if a database were asked.
            tokio::task::yield_now().await;
            match name.as_deref() {
                Some("broken") => Err("the database is down".into()),
                name => Ok(name.and_then(|name| tenants.get(name)).cloned()),
            }
        }
    })
}

#[tokio::test]
async fn tenants_are_told_by_the_path_and_each_has_its_own_secret_and_ids() {
    let handler = |Path(path): Path<String>, delivered: VerifiedWebhook| async move {
        assert_eq!(delivered.tenant(), Some(path.as_str()));
        StatusCode::NO_CONTENT
    };
    let route = post(handler).layer(layer_for_tenants());
    let addr = listen(Router::new().route("/webhooks/{tenant}", route)).await;
    let send = async |tenant: &str, secret: &str| {
        let signer = Signer::new(Scheme::standard_webhooks(), [secret]).unwrap();
        let path = format!("/webhooks/{tenant}");
        let head = head_to(&path, &signer, "msg_1", b"{}", "content-length: 2");
        ask(addr, &(head + "{}")).await
    };
    for (tenant, secret, status, slug) in [
        ("acme", OTHER_SECRET, "401", "signature-mismatch"),
        ("nobody", SECRET, "401", "signature-mismatch"),
        ("broken", SECRET, "503", "keys-unavailable"),
        ("acme", SECRET, "204", ""),
        ("other", OTHER_SECRET, "204", ""),
        ("other", OTHER_SECRET, "200", ""),
    ] {
        let answer = send(tenant, secret).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(slug), "{answer}");
        assert_eq!(
            answer.contains("retry-after: "),
            status == "503",
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_body_that_stalls_is_408_at_the_deadline() {
    let (addr, handled) = serve(layer().with_body_timeout(Duration::from_millis(100))).await;
    let started = head("msg_1", b"{}", "content-length: 2") + "{";
    let answer = ask(addr, &started).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(handled.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_connection_that_is_closed_while_the_handler_works_frees_the_message() {
    struct Tell(Arc<Notify>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let (running, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let calls = Arc::new(AtomicUsize::new(0));
    let (told, telling, counter) = (running.clone(), dropped.clone(), calls.clone());
    let handler = move || async move {
        if counter.fetch_add(1, Ordering::SeqCst) == 0 {
            let _tell = Tell(telling);
            told.notify_one();
            std::future::pending::<()>().await;
        }
    };
    let app = Router::new().route("/webhooks", post(handler).layer(layer()));
    let addr = listen(app).await;

    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = whole("msg_1", "{}");
    stream.write_all(request.as_bytes()).await.unwrap();
    running.notified().await;
    let answer = ask(addr, &request).await;
    assert!(answer.starts_with("HTTP/1.1 409 "), "{answer}");
    drop(stream);
    dropped.notified().await;
    let answer = loop {
        // The claim goes right after the handler.
        let answer = ask(addr, &request).await;
        if !answer.starts_with("HTTP/1.1 409 ") {
            break answer;
        }
    };
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

mod memory_store {
    use super::MemoryDedupe;

    tower_auth_sync::__dedupe_store_tests!(async || MemoryDedupe::new());
}
