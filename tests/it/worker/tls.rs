//! TLS as an endpoint presents it.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tower_auth_sync::outbox::FailureReason;

use super::world::World;

/// Answers 204 to whoever completes a handshake. Returns its URL and its certificate as PEM.
async fn endpoint() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut read = vec![0; 64 * 1024];
            let _ = stream.read(&mut read).await.unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    (url, made.cert.pem())
}

#[tokio::test]
async fn a_certificate_of_an_unknown_root_is_refused_and_nothing_is_sent() {
    let world = World::new();
    let (url, _) = endpoint().await;
    world.endpoint(&url).await;
    let event = world.emit().await;
    assert_eq!(world.deliver_due().await.failed, 1);
    let attempts = world.attempts(&event).await;
    assert_eq!(attempts[0].report.failure, Some(FailureReason::Connect));
}

#[tokio::test]
async fn an_extra_root_is_trusted() {
    let world = World::new();
    let (url, root) = endpoint().await;
    world.endpoint(&url).await;
    world.emit().await;
    let worker = world.worker().extra_roots_pem(root).build().unwrap();
    assert_eq!(worker.deliver_due().await.unwrap().delivered, 1);
}
