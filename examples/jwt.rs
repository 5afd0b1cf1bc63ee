//! Tokens: one side issues them and publishes its keys, the other side checks them.
//!
//! ```text
//! cargo run --example jwt --features full
//! # the key set has 1 key
//! # the handler runs for usr_1
//! # a token of the issuer: 200 OK
//! # a token of another issuer: 401 Unauthorized
//! # no token: 401 Unauthorized
//! ```
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, header::AUTHORIZATION};
use axum::{Router, routing::get};
use serde::Deserialize;
use serde_json::json;
use tower::ServiceExt;
use tower_auth_sync::prelude::*;
use tower_auth_sync::token::KeySet;

const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://app.example";

#[derive(Deserialize)]
struct MyClaims {
    sub: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The auth service. Its key lives as long as this process; a service that restarts calls
    // `.key(SigningKey::from_pem(&pem)?)`.
    let issuer = JwtIssuer::builder(ISSUER, AUDIENCE)
        .dangerous_ephemeral_key()
        .build()?;
    let auth: Router = jwks_routes(&issuer);

    // The application knows the public keys.
    let published = call(auth, "/.well-known/jwks.json", "").await?;
    let keys = KeySet::from_json(&to_bytes(published.into_body(), 64 * 1024).await?)?;
    println!("the key set has {} key", keys.keys().len());
    let tokens = TokenVerifier::builder(keys)
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()?;
    let app = Router::new()
        .route("/me", get(me))
        .route_layer(JwtAuthLayer::new(tokens));

    let claims = json!({ "sub": "usr_1" });
    let other = JwtIssuer::builder(ISSUER, AUDIENCE).dangerous_ephemeral_key();
    let (good, foreign) = (issuer.issue(&claims)?, other.build()?.issue(&claims)?);
    let tokens = [
        ("a token of the issuer", &*good),
        ("a token of another issuer", &*foreign),
        ("no token", ""),
    ];
    for (what, token) in tokens {
        let response = call(app.clone(), "/me", token).await?;
        println!("{what}: {}", response.status());
    }
    Ok(())
}

async fn me(Claims(claims): Claims<MyClaims>) -> String {
    println!("the handler runs for {}", claims.sub);
    claims.sub
}

/// One request without a socket. A program calls `axum::serve(listener, app)`.
async fn call(app: Router, path: &str, token: &str) -> Result<Response<Body>, Box<dyn Error>> {
    let mut request = Request::get(path);
    if !token.is_empty() {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    Ok(app.oneshot(request.body(Body::empty())?).await?)
}
