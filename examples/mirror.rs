//! A mirror: signed events become rows of ordinary SQL tables, and late events change nothing.
//!
//! ```text
//! cargo run --example mirror --features full
//! # user.created of 10:00: 204 No Content
//! # user.updated of 12:00: 204 No Content
//! # user.updated of 11:00: 204 No Content
//! # auth_users: usr_1 Ada Lovelace ada@example.com
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::post_service;
use serde_json::{Value, json};
use sqlx::SqlitePool;
use tower::ServiceExt;
use tower_auth_sync::id::MessageId;
use tower_auth_sync::prelude::*;

// A demonstration key: 24 zero bytes. Read yours with `Secret::from_env("WEBHOOK_SECRET")?`.
const DEMO_KEY: &str = "whsec_bm90LWEtc2VjcmV0LWJ1dC1hbi1leGFtcGxl";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/app.db", folder.path().display());
    let store = AnyStore::connect(&url).await?;
    let mirror = store.mirror(TablePrefix::default()).await?;

    let verifier = Verifier::new(Scheme::standard_webhooks(), [DEMO_KEY])?;
    let receiver = post_service(mirror.service()).layer(VerifyWebhookLayer::new(verifier));
    let app = Router::new().route("/webhooks/auth", receiver);

    let created = json!({"id": "usr_1", "name": "Ada", "email": "ada@example.com"});
    send(&app, "user.created", "10:00", created).await?;
    let renamed = json!({"id": "usr_1", "name": "Ada Lovelace"});
    send(&app, "user.updated", "12:00", renamed).await?;
    let late = json!({"id": "usr_1", "name": "Ada Byron"});
    send(&app, "user.updated", "11:00", late).await?;

    let tables = SqlitePool::connect(&url).await?;
    let users: Vec<(String, String, String)> =
        sqlx::query_as("SELECT id, name, email FROM auth_users")
            .fetch_all(&tables)
            .await?;
    for (id, name, email) in users {
        println!("auth_users: {id} {name} {email}");
    }
    tables.close().await;
    Ok(())
}

/// Sends one signed request without a socket. A program calls `axum::serve(listener, app)`.
async fn send(app: &Router, event: &str, time: &str, user: Value) -> Result<(), Box<dyn Error>> {
    let timestamp = format!("2025-01-15T{time}:00.000Z");
    let body = json!({ "type": event, "timestamp": timestamp, "data": user }).to_string();
    let id = MessageId::new(format!("msg_{}", time.replace(':', "-")))?;

    let signer = Signer::new(Scheme::standard_webhooks(), [DEMO_KEY])?;
    let signature = signer.sign(&id, body.as_bytes());
    let mut request = Request::post("/webhooks/auth").body(Body::from(body))?;
    signature.apply(request.headers_mut());
    let response = app.clone().oneshot(request).await?;
    println!("{event} of {time}: {}", response.status());
    Ok(())
}
