//! `VerifyWebhookLayer` in plain hyper: no axum, no router.
//!
//! ```text
//! WEBHOOK_SECRET=whsec_not-a-secret-but-an-example cargo run --example hyper --features verify
//! curl -i -d '{}' http://127.0.0.1:3000/    # 401, application/problem+json, signature-missing
//! ```
#![allow(clippy::print_stdout, reason = "it is there to be watched")]

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};
use tower_auth_sync::event::VerifiedWebhook;
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::secret::Secret;
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::verify::VerifyWebhookLayer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let verifier = Verifier::new(Scheme::banata(), [Secret::from_env("WEBHOOK_SECRET")?])?;
    let service = ServiceBuilder::new()
        .layer(VerifyWebhookLayer::new(verifier))
        .service(service_fn(on_event));

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            interrupted = tokio::signal::ctrl_c() => break interrupted?,
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(
                TokioIo::new(stream),
                TowerToHyperService::new(service.clone()),
            );
        tokio::spawn(graceful.watch(connection));
    }
    graceful.shutdown().await;
    Ok(())
}

/// Runs once per message, with the very bytes that were signed.
async fn on_event(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    let delivered = request.extensions().get::<VerifiedWebhook>();
    let (id, length) = delivered.map_or((None, 0), |webhook| (webhook.id(), webhook.body().len()));
    println!("accepted {id:?}, {length} bytes");
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
