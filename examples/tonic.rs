//! gRPC and webhooks on one port: `VerifyWebhookLayer` in a tonic server, without a web framework.
//!
//! A tonic server runs any Tower service. This one hands what is posted to `/webhooks` to the
//! receiver, and everything else to gRPC. The example asks itself for both, and ends.
//!
//! ```text
//! cargo run --example tonic --features verify
//! # handled msg_1: {"type":"user.created"}
//! # signed: 204 No Content
//! # forged: 401 Unauthorized
//! # health: Serving
//! ```
#![allow(clippy::print_stdout, reason = "it is there to be watched")]

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tonic::body::Body;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tower_auth_sync::clock::{Clock as _, SystemClock};
use tower_auth_sync::event::VerifiedWebhook;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::{Signer, Verifier};
use tower_auth_sync::verify::VerifyWebhookLayer;

// A demonstration key: 24 zero bytes. Read yours from a secret store.
const DEMO_KEY: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let verifier = Verifier::new(Scheme::standard_webhooks(), [DEMO_KEY])?;
    let webhooks = ServiceBuilder::new()
        .layer(VerifyWebhookLayer::new(verifier))
        .service(service_fn(on_event));
    let (_reporter, grpc) = tonic_health::server::health_reporter();
    let both = service_fn(move |request: Request<Body>| {
        let (webhooks, grpc) = (webhooks.clone(), grpc.clone());
        async move {
            match request.uri().path() {
                "/webhooks" => Ok(webhooks.oneshot(request).await?.map(Body::new)),
                _ => grpc.oneshot(request).await,
            }
        }
    });

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // gRPC needs HTTP/2; webhooks come by either.
    let server = Server::builder().accept_http1(true);
    tokio::select! {
        ended = server.serve_with_incoming(both, TcpIncoming::from(listener)) => Ok(ended?),
        asked = ask(address) => asked,
    }
}

/// Runs once per message, with the very bytes that were signed.
async fn on_event(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(webhook) = request.extensions().get::<VerifiedWebhook>() {
        let (id, body) = (webhook.id().unwrap_or("?"), webhook.body());
        println!("handled {id}: {}", String::from_utf8_lossy(body));
    }
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

async fn ask(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    let signer = Signer::new(Scheme::standard_webhooks(), [DEMO_KEY])?;
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let (signed, forged) = (r#"{"type":"user.created"}"#, r#"{"type":"user.deleted"}"#);
    for (name, body, expected) in [("signed", signed, 204), ("forged", forged, 401)] {
        let url = format!("http://{address}/webhooks");
        let mut request = Request::post(url).body(Full::from(body))?;
        let (id, now) = (MessageId::new("msg_1")?, SystemClock.now().to_secs());
        let headers = signer.sign_at(&id, now, signed.as_bytes());
        headers.apply(request.headers_mut());
        let status = client.request(request).await?.status();
        println!("{name}: {status}");
        assert_eq!(status, expected);
    }
    let url = format!("http://{address}");
    let mut health = HealthClient::new(Channel::from_shared(url)?.connect().await?);
    let response = health.check(HealthCheckRequest::default()).await?;
    println!("health: {:?}", response.into_inner().status());
    Ok(())
}
