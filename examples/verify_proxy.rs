//! A checking reverse proxy: an upstream in any language gets only genuine webhooks, each once.
//!
//! The upstream sees the same headers and the same bytes. Its 2xx counts as handled; anything else
//! lets the sender's retry through.
//!
//! ```text
//! WEBHOOK_SECRET=whsec_not-a-secret-but-an-example UPSTREAM=http://127.0.0.1:8000 \
//!     cargo run --example verify_proxy --features verify,axum
//! curl -i -d '{}' http://127.0.0.1:3000/hook    # 401; the upstream sees nothing
//! ```
#![allow(clippy::print_stdout, reason = "it is there to be watched")]

use std::env;
use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::{Parts, PathAndQuery};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{ServiceBuilder, service_fn};
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::Secret;
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::verify::VerifyWebhookLayer;

type Upstream = Client<HttpConnector, Full<Bytes>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let upstream: Uri = env::var("UPSTREAM")
        .map_err(|_| "UPSTREAM is not set")?
        .parse()?;
    let verifier = Verifier::new(Scheme::banata(), [Secret::from_env("WEBHOOK_SECRET")?])?;
    let client: Upstream = Client::builder(TokioExecutor::new()).build_http();
    let proxy = ServiceBuilder::new()
        .layer(VerifyWebhookLayer::new(verifier))
        .service(service_fn(move |request| {
            let (client, upstream) = (client.clone(), upstream.clone());
            async move { Ok(forward(&client, &upstream, request).await) }
        }));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, Router::new().fallback_service(proxy))
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
        .await?;
    Ok(())
}

async fn forward(
    client: &Upstream,
    upstream: &Uri,
    mut request: Request<Full<Bytes>>,
) -> Response<Body> {
    let Some(uri) = target(upstream, request.uri().path_and_query()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    *request.uri_mut() = uri;
    for name in [HOST, CONNECTION, TRANSFER_ENCODING] {
        request.headers_mut().remove(name);
    }
    match client.request(request).await {
        Ok(response) => response.map(Body::new),
        Err(_unreachable) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

fn target(upstream: &Uri, path: Option<&PathAndQuery>) -> Option<Uri> {
    let mut parts = Parts::default();
    parts.scheme = upstream.scheme().cloned();
    parts.authority = upstream.authority().cloned();
    parts.path_and_query = path.cloned();
    Uri::from_parts(parts).ok()
}
