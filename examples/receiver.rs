//! A receiver of Standard Webhooks that sends itself three requests: signed, repeated, forged.
//!
//! ```text
//! cargo run --example receiver --features full
//! # handled msg_1: user.created
//! # signed: 204 No Content
//! # repeated: 200 OK
//! # forged: 401 Unauthorized
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use axum::body::Bytes;
use axum::http::{Request, StatusCode};
use axum::{Router, routing::post};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::prelude::*;

// A demonstration key. Read yours with `Secret::from_env("WEBHOOK_SECRET")?`.
const DEMO_KEY: &str = "whsec_bm90LWEtc2VjcmV0LWJ1dC1hbi1leGFtcGxl";

const SENT: &str =
    r#"{"type":"user.created","timestamp":"2025-01-15T10:30:00Z","data":{"id":"usr_1"}}"#;
const FORGED: &str =
    r#"{"type":"user.deleted","timestamp":"2025-01-15T10:30:00Z","data":{"id":"usr_1"}}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let verifier = Verifier::new(Scheme::standard_webhooks(), [DEMO_KEY])?;
    let receiver = post(on_event).layer(VerifyWebhookLayer::new(verifier));
    let app = Router::new().route("/webhooks/auth", receiver);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/webhooks/auth", listener.local_addr()?);
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let server = axum::serve(listener, app).with_graceful_shutdown(stopped);
    let server = tokio::spawn(server.into_future());

    send_three(&url).await?;
    stop.cancel();
    server.await??;
    Ok(())
}

/// Runs once per message, and only for genuine ones.
async fn on_event(webhook: VerifiedWebhook, Webhook(event): Webhook<AuthEvent>) -> StatusCode {
    println!(
        "handled {}: {}",
        webhook.id().unwrap_or("?"),
        event.event_type()
    );
    StatusCode::NO_CONTENT
}

/// The sender's side. `FORGED` carries the signature of `SENT`.
async fn send_three(url: &str) -> Result<(), Box<dyn Error>> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let signer = Signer::new(Scheme::standard_webhooks(), [DEMO_KEY])?;
    let signature = signer.sign(&MessageId::new("msg_1")?, SENT.as_bytes());
    for (what, body) in [("signed", SENT), ("repeated", SENT), ("forged", FORGED)] {
        let mut request = Request::post(url).body(Full::from(body))?;
        signature.clone().apply(request.headers_mut());
        println!("{what}: {}", client.request(request).await?.status());
    }
    Ok(())
}
