use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::resolve::ResolveFuture;
use super::*;
use crate::http::egress::{EgressError, Network};

/// What names mean in a test. A name that is not listed does not exist.
#[derive(Debug, Default)]
struct Names(HashMap<String, Vec<IpAddr>>);

impl Names {
    fn of(name: &str, addresses: &[&str]) -> Arc<Self> {
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self(HashMap::from([(name.to_owned(), addresses)])))
    }
}

impl Resolve for Names {
    fn resolve(&self, name: &str) -> ResolveFuture {
        let found = self.0.get(name).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::from(ErrorKind::NotFound)) })
    }
}

fn settings() -> ClientSettings {
    ClientSettings {
        policy: EgressPolicy::allow(Network::LOOPBACK),
        timeout: Duration::from_secs(10),
        max_body: 16 * 1024,
        extra_roots: Vec::new(),
        user_agent: HeaderValue::from_static("test"),
        resolver: Names::of("hook.localhost", &["127.0.0.1"]),
    }
}

async fn post(settings: ClientSettings, url: &str) -> Result<ClientResponse, CallError> {
    let client = HttpClient::new(settings).unwrap();
    let url = Url::parse(url).unwrap();
    client
        .send(
            Method::POST,
            &url,
            HeaderMap::new(),
            Bytes::from_static(b"{}"),
        )
        .await
}

/// Reads one request with a body of two bytes.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n{}") {
        read.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(read).unwrap()
}

/// Answers one request with `answer`, then keeps the connection open without a word.
async fn answer(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = answer.into();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(&answer).await.unwrap();
        std::future::pending::<()>().await;
    });
    address
}

/// A listener that nobody must have called.
struct Untouched(std::net::TcpListener);

impl Untouched {
    fn bind() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    fn assert(self) {
        assert_eq!(self.0.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

struct TlsServer {
    address: SocketAddr,
    root: Vec<u8>,
}

/// A certificate for the name `hook.test` as PEM, and what presents it.
fn certificate(alpn: &[&[u8]]) -> (Vec<u8>, TlsAcceptor) {
    let made = rcgen::generate_simple_self_signed(["hook.test".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let root = made.cert.pem().into_bytes();
    (root, TlsAcceptor::from(Arc::new(config)))
}

/// Answers every connection's first request with 204.
async fn tls_server() -> TlsServer {
    let (root, acceptor) = certificate(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(mut stream) = acceptor.accept(stream).await {
                answer_no_content(&mut stream).await;
            }
        }
    });
    TlsServer { address, root }
}

async fn answer_no_content(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    read_request(stream).await;
    let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    stream.flush().await.unwrap();
}

fn tls_settings(server: &TlsServer) -> ClientSettings {
    ClientSettings {
        resolver: Names::of("hook.test", &["127.0.0.1"]),
        extra_roots: vec![server.root.clone()],
        ..settings()
    }
}

#[tokio::test]
async fn an_answer_is_returned_whole() {
    let address = answer("HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 4\r\n\r\nlate");
    let got = post(settings(), &format!("http://{}/", address.await)).await;
    let got = got.unwrap();
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(got.headers["retry-after"], "7");
    assert_eq!(got.body, "late");
}

#[tokio::test]
async fn the_request_carries_our_user_agent_and_no_encoding_is_asked_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a?b=c", listener.local_addr().unwrap());
    let seen = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let seen = read_request(&mut stream).await;
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        seen
    });
    post(settings(), &url).await.unwrap();
    let seen = seen.await.unwrap();
    assert!(seen.starts_with("POST /a?b=c HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("user-agent: test\r\n"), "{seen}");
    assert!(!seen.contains("accept-encoding"), "{seen}");
}

#[tokio::test]
async fn a_private_literal_is_not_dialled() {
    let listener = Untouched::bind();
    let settings = ClientSettings {
        policy: EgressPolicy::public(),
        ..settings()
    };
    let url = format!("https://127.0.0.1:{}/", listener.port());
    let refused = post(settings, &url).await;
    assert!(matches!(refused, Err(CallError::Blocked(_))), "{refused:?}");
    listener.assert();
}

#[tokio::test]
async fn the_dialler_judges_literals_by_itself() {
    let listener = Untouched::bind();
    let dialler = Connector::new(
        EgressPolicy::public(),
        settings().resolver,
        tls::config(&[]).unwrap(),
        Duration::from_secs(10),
    );
    let target = format!("http://127.0.0.1:{}/", listener.port());
    let mut dialler = dialler;
    let refused = tower_service::Service::call(&mut dialler, target.parse().unwrap()).await;
    assert!(matches!(
        refused,
        Err(connect::ConnectError::Blocked(EgressError::PlainHttp))
    ));
    listener.assert();
}

#[tokio::test]
async fn a_name_that_means_a_private_address_is_not_dialled() {
    let listener = Untouched::bind();
    for address in ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1", "::1"] {
        let settings = ClientSettings {
            policy: EgressPolicy::public(),
            resolver: Names::of("evil.example", &[address]),
            ..settings()
        };
        let url = format!("https://evil.example:{}/", listener.port());
        let refused = post(settings, &url).await;
        let expected = EgressError::Address {
            address: address.parse().unwrap(),
        };
        assert!(
            matches!(&refused, Err(CallError::Blocked(why)) if *why == expected),
            "{refused:?}"
        );
    }
    listener.assert();
}

#[tokio::test]
async fn of_mixed_addresses_only_the_allowed_ones_are_dialled() {
    let server = tls_server().await;
    let settings = ClientSettings {
        resolver: Names::of("hook.test", &["10.0.0.1", "169.254.169.254", "127.0.0.1"]),
        ..tls_settings(&server)
    };
    let url = format!("https://hook.test:{}/", server.address.port());
    let got = post(settings, &url).await.unwrap();
    assert_eq!(got.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn plain_http_reaches_no_address_that_is_not_loopback() {
    let settings = ClientSettings {
        policy: EgressPolicy::allow(
            Network::LOOPBACK
                .into_iter()
                .chain(["10.0.0.0/8".parse().unwrap()]),
        ),
        resolver: Names::of("hook.localhost", &["10.0.0.1"]),
        ..settings()
    };
    let refused = post(settings, "http://hook.localhost:3000/").await;
    assert!(
        matches!(refused, Err(CallError::Blocked(EgressError::PlainHttp))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_unknown_name_and_a_closed_port_fail_alike() {
    let unknown = post(settings(), "https://nowhere.example/").await;
    // Bound, so that nobody else gets the port, but not listening.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    let refused = post(settings(), &url).await;
    for failed in [unknown, refused] {
        let failed = failed.unwrap_err();
        assert!(matches!(failed, CallError::Connect(_)), "{failed:?}");
        assert_eq!(failed.to_string(), "connecting failed");
    }
}

#[tokio::test]
async fn the_next_address_is_dialled_when_one_refuses() {
    let server = tls_server().await;
    let settings = ClientSettings {
        // Nothing listens on this port of the other loopback addresses.
        resolver: Names::of("hook.test", &["127.0.0.77", "127.0.0.1"]),
        ..tls_settings(&server)
    };
    let url = format!("https://hook.test:{}/", server.address.port());
    let got = post(settings, &url).await.unwrap();
    assert_eq!(got.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_unknown_root_is_refused_and_an_extra_root_is_trusted() {
    let server = tls_server().await;
    let url = format!("https://hook.test:{}/", server.address.port());
    let strict = ClientSettings {
        extra_roots: Vec::new(),
        ..tls_settings(&server)
    };
    let refused = post(strict, &url).await;
    assert!(matches!(refused, Err(CallError::Tls(_))), "{refused:?}");
    let got = post(tls_settings(&server), &url).await.unwrap();
    assert_eq!(got.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = tls_server().await;
    let settings = ClientSettings {
        resolver: Names::of("other.test", &["127.0.0.1"]),
        ..tls_settings(&server)
    };
    let url = format!("https://other.test:{}/", server.address.port());
    let refused = post(settings, &url).await;
    assert!(matches!(refused, Err(CallError::Tls(_))), "{refused:?}");
}

#[tokio::test]
async fn a_final_dot_changes_neither_look_up_nor_certificate() {
    let server = tls_server().await;
    let url = format!("https://hook.test.:{}/", server.address.port());
    let got = post(tls_settings(&server), &url).await.unwrap();
    assert_eq!(got.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_process_default_provider_is_left_alone() {
    let server = tls_server().await;
    let url = format!("https://hook.test:{}/", server.address.port());
    post(tls_settings(&server), &url).await.unwrap();
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_does_and_one_connection_serves_many_calls() {
    let (root, acceptor) = certificate(&[b"h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // No second connection is taken.
        let stream = acceptor.accept(stream).await.unwrap();
        let service =
            hyper::service::service_fn(async |request: Request<hyper::body::Incoming>| {
                let read = request.into_body().collect().await.unwrap().to_bytes();
                Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(read)))
            });
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(hyper_util::rt::TokioIo::new(stream), service)
            .await
            .unwrap();
    });
    let client = HttpClient::new(tls_settings(&TlsServer { address, root })).unwrap();
    let url = Url::parse(&format!("https://hook.test:{}/", address.port())).unwrap();
    for length in [0, 1, 300_000] {
        let body = Bytes::from(vec![b'x'; length]);
        let got = client
            .send(Method::POST, &url, HeaderMap::new(), body)
            .await
            .unwrap();
        assert_eq!(got.status, StatusCode::OK);
        assert_eq!(got.body.len(), length.min(16 * 1024));
    }
}

#[tokio::test]
async fn a_redirect_is_answered_and_not_followed() {
    let next = Untouched::bind();
    let head = format!(
        "HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n",
        next.port()
    );
    let address = answer(head).await;
    let got = post(settings(), &format!("http://{address}/")).await;
    assert_eq!(got.unwrap().status, StatusCode::TEMPORARY_REDIRECT);
    next.assert();
}

#[tokio::test]
async fn of_an_endless_body_only_the_cap_is_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let sender = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\n\r\n";
        stream.write_all(head).await.unwrap();
        // Ends when the other side has hung up.
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let got = post(settings(), &url).await.unwrap();
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.body.len(), 16 * 1024);
    sender.await.unwrap();
}

#[tokio::test]
async fn one_deadline_covers_handshake_head_and_body() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("https://{}/", silent.local_addr().unwrap());
    let no_head = format!("http://{}/", answer("HTTP/1.1 200 OK\r\nx: ").await);
    let half = answer("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let no_end = format!("http://{half}/");
    for url in [silent, no_head, no_end] {
        let settings = ClientSettings {
            timeout: Duration::from_millis(300),
            ..settings()
        };
        let late = post(settings, &url).await;
        assert!(matches!(late, Err(CallError::Timeout)), "{late:?}");
    }
}

#[tokio::test]
async fn answers_that_are_no_http_or_too_large_a_head_are_protocol_errors() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(1_000));
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    for head in ["SSH-2.0-OpenSSH_9.9\r\n".to_owned(), many, long] {
        let address = answer(head).await;
        let failed = post(settings(), &format!("http://{address}/")).await;
        assert!(matches!(failed, Err(CallError::Protocol(_))), "{failed:?}");
    }
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        drop(stream);
        listener.into_std().unwrap()
    });
    let failed = post(settings(), &url).await;
    assert!(matches!(failed, Err(CallError::Protocol(_))), "{failed:?}");
    Untouched(server.await.unwrap()).assert();
}

#[test]
fn roots_that_cannot_be_used_are_told_apart() {
    let refusal = |pem: &str| tls::config(&[pem.as_bytes().to_vec()]).unwrap_err();
    assert!(matches!(refusal("no certificate"), RootsError::Pem(_)));
    let block =
        |inner: &str| format!("-----BEGIN CERTIFICATE-----\n{inner}\n-----END CERTIFICATE-----\n");
    assert!(matches!(refusal(&block("%%%")), RootsError::Pem(_)));
    assert!(matches!(
        refusal(&block("MAMCAQA=")),
        RootsError::Certificate(_)
    ));
}
