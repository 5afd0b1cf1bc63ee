//! What does not get through, and why.

use std::error::Error;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;
use tower_auth_sync::clock::{Clock, SystemClock, UnixMillis, UnixTime};
use tower_auth_sync::entropy::SystemEntropy;
use tower_auth_sync::event::{AuthEvent, User};
use tower_auth_sync::id::MessageId;
use tower_auth_sync::token::{JwtIssuer, SigningKey};

use crate::client::ClientResponse;
use crate::show;
use crate::stage::{AUDIENCE, Stage};

/// A webhook as the worker would send it.
struct Message {
    headers: HeaderMap,
    body: Bytes,
}

impl Message {
    fn signed(stage: &Stage, at: UnixTime) -> Self {
        let now = SystemClock.now();
        let id = MessageId::generate(now, &SystemEntropy);
        let mut user = User::new("usr_refusals");
        user.email = Some("mallory@example.com".to_owned());
        user.created_at = Some(now);
        let body = AuthEvent::user_created(&user).to_payload(&id, now);
        let mut headers = HeaderMap::new();
        stage.signer.sign_at(&id, at, &body).apply(&mut headers);
        Self { headers, body }
    }

    async fn post(&self, stage: &Stage) -> Result<ClientResponse, Box<dyn Error>> {
        let url = format!("{}/webhooks/auth", stage.receiver_url);
        stage
            .http
            .send(Method::POST, &url, &self.headers, self.body.clone())
            .await
    }
}

pub(crate) async fn webhooks(stage: &Stage) -> Result<bool, Box<dyn Error>> {
    show::title("Webhooks that are refused");
    let now = SystemClock.now().to_secs();
    let runs = || stage.receiver.arrivals().len();
    let before = runs();

    let mut tampered = Message::signed(stage, now);
    let text = String::from_utf8(tampered.body.to_vec())?;
    tampered.body = text.replace("mallory@", "admin@").into();
    let response = tampered.post(stage).await?;
    let mut held = expect(
        "a tampered body",
        &response,
        StatusCode::UNAUTHORIZED,
        "signature-mismatch",
    );

    let ten_minutes_ago = UnixTime::from_secs(now.as_secs() - 600);
    let response = Message::signed(stage, ten_minutes_ago).post(stage).await?;
    held &= expect(
        "a stale timestamp",
        &response,
        StatusCode::UNAUTHORIZED,
        "timestamp-stale",
    );
    held &= show::check("neither reached the handler", runs() == before);

    let genuine = Message::signed(stage, now);
    let response = genuine.post(stage).await?;
    held &= expect("the genuine one", &response, StatusCode::NO_CONTENT, "");
    let response = genuine.post(stage).await?;
    held &= expect("a replay of it", &response, StatusCode::OK, "");
    held &= show::check("the handler ran once", runs() == before + 1);
    Ok(held)
}

pub(crate) async fn tokens(stage: &Stage) -> Result<bool, Box<dyn Error>> {
    show::title("Tokens at a protected route");
    let claims = json!({"sub": "usr_1"});
    let mut held = true;

    let response = get_me(stage, Some(&stage.issuer.issue(&claims)?)).await?;
    held &= expect("a token of the issuer", &response, StatusCode::OK, "");

    let yesterday = JwtIssuer::builder(&stage.auth_url, AUDIENCE)
        .key(SigningKey::from_pem(stage.signing_key_pem.as_bytes())?)
        .clock(Yesterday)
        .build()?;
    let response = get_me(stage, Some(&yesterday.issue(&claims)?)).await?;
    held &= expect(
        "an expired token",
        &response,
        StatusCode::UNAUTHORIZED,
        "invalid-token",
    );

    let stranger = JwtIssuer::builder(&stage.auth_url, AUDIENCE)
        .dangerous_ephemeral_key()
        .build()?;
    let response = get_me(stage, Some(&stranger.issue(&claims)?)).await?;
    held &= expect(
        "a token of another key",
        &response,
        StatusCode::UNAUTHORIZED,
        "invalid-token",
    );

    let response = get_me(stage, None).await?;
    held &= expect(
        "no token",
        &response,
        StatusCode::UNAUTHORIZED,
        "token-missing",
    );
    Ok(held)
}

async fn get_me(stage: &Stage, token: Option<&str>) -> Result<ClientResponse, Box<dyn Error>> {
    let mut headers = HeaderMap::new();
    if let Some(token) = token {
        headers.insert(
            AUTHORIZATION,
            HeaderValue::try_from(format!("Bearer {token}"))?,
        );
    }
    let url = format!("{}/me", stage.receiver_url);
    stage
        .http
        .send(Method::GET, &url, &headers, Bytes::new())
        .await
}

fn expect(what: &str, response: &ClientResponse, status: StatusCode, problem: &str) -> bool {
    let problem_found = response.problem();
    let code = response.status.as_u16();
    show::check(
        &format!("{what} → {code} {problem_found}"),
        response.status == status && problem_found == problem,
    )
}

#[derive(Debug)]
struct Yesterday;

impl Clock for Yesterday {
    fn now(&self) -> UnixMillis {
        let day = std::time::Duration::from_secs(24 * 60 * 60);
        SystemClock.now().saturating_sub(day)
    }
}
