//! A sender: an event goes through an outbox in SQLite to a receiver in the same process.
//!
//! ```text
//! cargo run --example sender --features full
//! # the secret has 50 characters
//! # stored msg_01…
//! # received user.created of usr_1
//! # attempt 1 to http://127.0.0.1:…/webhooks/auth: 204 No Content
//! # the delivery is delivered
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use axum::http::StatusCode;
use axum::{Router, routing::post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_auth_sync::egress::{EgressPolicy, Network};
use tower_auth_sync::event::User;
use tower_auth_sync::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/webhooks/auth", listener.local_addr()?);

    // The store of a program is a file that stays: `sqlite://auth-sync.db`.
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("auth-sync.db");
    let store = AnyStore::connect(&format!("sqlite://{}", file.display())).await?;

    // Loopback over http is for development. Without a policy only public https URLs pass.
    let policy = EgressPolicy::allow(Network::LOOPBACK);
    let endpoint = NewEndpoint::generate_with(&url, Scheme::banata(), &policy)?;
    let issued = store.endpoints().create(endpoint).await?;
    // The only time that the secret can be shown: the receiver needs it.
    let secret = issued.secret().reveal();
    println!("the secret has {} characters", secret.len());

    let verifier = Verifier::new(Scheme::banata(), [secret])?;
    let receiver = post(on_event).layer(VerifyWebhookLayer::new(verifier));
    let app = Router::new().route("/webhooks/auth", receiver);
    let stop = CancellationToken::new();
    let stopped = stop.clone().cancelled_owned();
    let server = axum::serve(listener, app).with_graceful_shutdown(stopped);
    let server = tokio::spawn(server.into_future());

    // Once `emit` returns, the event survives a crash.
    let id = store
        .emitter()
        .emit(AuthEvent::user_created(&User::new("usr_1")))
        .await?;
    println!("stored {id}");

    // A service spawns `worker.run(stop)` instead.
    let worker = Worker::builder(&store).egress(policy).build()?;
    worker.deliver_due().await?;

    let deliveries = store.deliveries();
    for delivery in deliveries.of_event(&id).await? {
        for attempt in deliveries.attempts(&delivery.id).await? {
            let status = attempt.report.status;
            let status = status.map_or("no response".to_owned(), |status| status.to_string());
            println!("attempt {} to {url}: {status}", attempt.number);
        }
        println!("the delivery is {}", delivery.state);
    }
    stop.cancel();
    server.await??;
    Ok(())
}

async fn on_event(Webhook(event): Webhook<AuthEvent>) -> StatusCode {
    let user = event.data()["id"].as_str().unwrap_or("?");
    println!("received {} of {user}", event.event_type());
    StatusCode::NO_CONTENT
}
