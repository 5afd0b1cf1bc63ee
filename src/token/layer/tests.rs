//! The layer around a service.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower::{Layer as _, Service, ServiceExt as _};

use super::*;
use crate::base::clock::UnixTime;
use crate::http::body::ResponseBody;
use crate::testing::ManualClock;
use crate::token::algorithm::Algorithm;
use crate::token::error::TokenError;
use crate::token::issuer::JwtIssuer;
use crate::token::key_source::{KeyQuery, KeySource, Lookup, LookupError};
use crate::token::signing_key::SigningKey;
use crate::token::verifier::{TokenVerifier, VerifiedToken};
use crate::token::verifying_key::VerifyingKey;

const NOW: UnixTime = UnixTime::from_secs(1_760_000_000);
const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://app.example";

/// Counts its calls, and panics on a call before it was polled ready.
#[derive(Debug, Default)]
struct Inner {
    calls: Arc<AtomicUsize>,
    seen: Arc<Mutex<Option<VerifiedToken>>>,
    ready: bool,
}

impl Clone for Inner {
    fn clone(&self) -> Self {
        let (calls, seen) = (self.calls.clone(), self.seen.clone());
        let ready = false;
        Self { calls, seen, ready }
    }
}

impl Service<Request<Full<Bytes>>> for Inner {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        assert!(self.ready, "called without having been polled ready");
        self.ready = false;
        self.calls.fetch_add(1, Ordering::SeqCst);
        let token = request.extensions().get::<VerifiedToken>().cloned();
        *self.seen.lock().unwrap() = token;
        std::future::ready(Ok(Response::new(Full::from("inner"))))
    }
}

impl Inner {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn issuer() -> JwtIssuer {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    issuer_of(key)
}

fn issuer_of(key: SigningKey) -> JwtIssuer {
    let builder = JwtIssuer::builder(ISSUER, AUDIENCE).key(key);
    builder.clock(ManualClock::at(NOW)).build().unwrap()
}

fn verifier(source: impl KeySource) -> TokenVerifier {
    let builder = TokenVerifier::builder(source).issuer(ISSUER);
    let builder = builder.audience(AUDIENCE).clock(ManualClock::at(NOW));
    builder.build().unwrap()
}

fn layer(issuer: &JwtIssuer) -> JwtAuthLayer {
    JwtAuthLayer::new(verifier(issuer.keys().clone()))
}

fn request(lines: &[&str]) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    for line in lines {
        let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
        request.headers_mut().append(AUTHORIZATION, value);
    }
    request
}

fn bearer(token: &str) -> Request<Full<Bytes>> {
    request(&[&format!("Bearer {token}")])
}

async fn respond(
    layer: &JwtAuthLayer,
    inner: &Inner,
    request: Request<Full<Bytes>>,
) -> Response<ResponseBody<Full<Bytes>>> {
    layer.layer(inner.clone()).oneshot(request).await.unwrap()
}

fn challenge<B>(response: &Response<B>) -> &str {
    response.headers()[WWW_AUTHENTICATE].to_str().unwrap()
}

async fn problem(response: Response<ResponseBody<Full<Bytes>>>) -> Value {
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn a_good_token_reaches_the_service_with_its_claims() {
    let (issuer, inner) = (issuer(), Inner::default());
    let token = issuer
        .issue(&json!({ "sub": "user_1", "role": "admin" }))
        .unwrap();
    for line in ["Bearer ", "bearer ", "BEARER  "] {
        let response = respond(
            &layer(&issuer),
            &inner,
            request(&[&format!("{line}{token}")]),
        )
        .await;
        assert_eq!(response.status(), StatusCode::OK, "{line:?}");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "inner");
    }
    let seen = inner.seen.lock().unwrap().take().unwrap();
    assert_eq!(seen.subject(), "user_1");
    let claims: Value = seen.claims().unwrap();
    assert_eq!(claims["role"], "admin");
    assert!(seen.key_id().is_some());
}

#[tokio::test]
async fn no_credentials_get_a_bare_challenge() {
    let inner = Inner::default();
    for lines in [
        &[][..],
        &["Basic dTpw"],
        &["Digest a=b"],
        &["Bearerx y"],
        &[""],
    ] {
        let response = respond(&layer(&issuer()), &inner, request(lines)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{lines:?}");
        assert_eq!(challenge(&response), "Bearer realm=\"api\"");
        assert_eq!(
            problem(response).await["type"],
            "urn:tower-auth-sync:problem:token-missing"
        );
    }
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn malformed_or_duplicate_credentials_are_a_bad_request() {
    let (issuer, inner) = (issuer(), Inner::default());
    let token = issuer.issue(&json!({ "sub": "u" })).unwrap();
    let good = format!("Bearer {token}");
    for lines in [
        &[&*good, &*good][..],
        &[&*good, "Basic dTpw"],
        &["Basic dTpw", &*good],
        &["Bearer"],
        &["Bearer "],
        &["Bearer   "],
        &[&*format!("{good} {token}")],
        &[&*format!("{good}, {good}")],
        &[&*format!("{good},{token}")],
        &[&*format!("Bearer \t{token}")],
        &[&*format!("{good}%20")],
        &["Bearer \u{e9}"],
        &["Bearer \"a.b.c\""],
    ] {
        let response = respond(&layer(&issuer), &inner, request(lines)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{lines:?}");
        assert!(challenge(&response).contains("error=\"invalid_request\""));
        assert_eq!(
            problem(response).await["type"],
            "urn:tower-auth-sync:problem:invalid-request"
        );
    }
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn a_bad_token_is_refused_with_a_reason_for_operators_only() {
    let (issuer, inner) = (issuer(), Inner::default());
    let other = JwtIssuer::builder(ISSUER, "https://other.example")
        .key(SigningKey::generate(Algorithm::EdDsa).unwrap())
        .clock(ManualClock::at(NOW))
        .build()
        .unwrap();
    let token = other.issue(&json!({ "sub": "user_1" })).unwrap();

    let response = respond(&layer(&issuer), &inner, bearer(&token)).await;

    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let expected = "Bearer realm=\"api\", error=\"invalid_token\", \
                    error_description=\"the token is not acceptable here\"";
    assert_eq!(challenge(&response), expected);
    let reason = response.extensions().get::<JwtRejection>().unwrap();
    assert!(matches!(
        reason,
        JwtRejection::Token(TokenError::Audience { .. })
    ));
    assert!(reason.to_string().contains(AUDIENCE));
    assert!(!format!("{reason:?}").contains(&token));
    let body = problem(response).await.to_string();
    assert!(
        !body.contains(AUDIENCE) && !body.contains("other.example"),
        "{body}"
    );
    assert_eq!(inner.calls(), 0);
}

#[tokio::test]
async fn the_response_says_that_a_token_expired() {
    let (issuer, inner) = (issuer(), Inner::default());
    let token = issuer.issue(&json!({ "sub": "u" })).unwrap();
    let clock = ManualClock::at(NOW);
    let builder = TokenVerifier::builder(issuer.keys().clone()).issuer(ISSUER);
    let tokens = builder
        .audience(AUDIENCE)
        .clock(clock.clone())
        .build()
        .unwrap();
    let layer = JwtAuthLayer::new(tokens).with_realm("the shop").unwrap();
    clock.advance(Duration::from_secs(15 * 60 + 60));

    let response = respond(&layer, &inner, bearer(&token)).await;

    let expected = "Bearer realm=\"the shop\", error=\"invalid_token\", \
                    error_description=\"the token expired\"";
    assert_eq!(challenge(&response), expected);
    assert_eq!(problem(response).await["detail"], "the token expired");
}

#[tokio::test]
async fn a_missing_scope_is_forbidden_and_named() {
    let (issuer, inner) = (issuer(), Inner::default());
    let layer = layer(&issuer).require_scope("read").unwrap();
    let layer = layer.require_scope("write").unwrap();
    for (claims, status) in [
        (json!({ "sub": "u" }), 403),
        (json!({ "sub": "u", "scope": ["read", "write"] }), 403),
        (json!({ "sub": "u", "scope": "read" }), 403),
        (json!({ "sub": "u", "scope": "read writer" }), 403),
        (json!({ "sub": "u", "scope": "write other read" }), 200),
    ] {
        let token = issuer.issue(&claims).unwrap();
        let response = respond(&layer, &inner, bearer(&token)).await;
        assert_eq!(response.status(), status, "{claims}");
        if status == 403 {
            let challenge = challenge(&response);
            assert!(
                challenge.contains("error=\"insufficient_scope\""),
                "{challenge}"
            );
            assert!(challenge.ends_with("scope=\"read write\""), "{challenge}");
        }
    }
    assert_eq!(inner.calls(), 1);
}

#[test]
fn a_realm_or_scope_that_would_break_the_challenge_is_refused() {
    let layer = layer(&issuer());
    for text in ["", "a\"b", "a\\b", "a\nb", "é", &"a".repeat(257)] {
        let refused = layer.clone().with_realm(text);
        assert_eq!(refused.unwrap_err(), InvalidChallenge::Realm, "{text:?}");
        let refused = layer.clone().require_scope(text);
        assert_eq!(refused.unwrap_err(), InvalidChallenge::Scope, "{text:?}");
    }
    assert!(layer.require_scope("a b").is_err());
}

#[tokio::test]
async fn the_credentials_are_marked_sensitive_on_the_way_in() {
    let issuer = issuer();
    let token = issuer.issue(&json!({ "sub": "u" })).unwrap();
    let inner = tower::service_fn(async |request: Request<Full<Bytes>>| {
        let printed = format!("{:?}", request.headers());
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(printed)))
    });
    let response = layer(&issuer)
        .layer(inner)
        .oneshot(bearer(&token))
        .await
        .unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "{\"authorization\": Sensitive}");
}

/// A source whose key arrives when the test sends it.
#[derive(Clone, Debug)]
struct Later(Arc<Mutex<Option<oneshot::Receiver<Fetched>>>>);

type Fetched = Result<VerifyingKey, LookupError>;

impl Later {
    fn new() -> (oneshot::Sender<Fetched>, Self) {
        let (send, receive) = oneshot::channel();
        (send, Self(Arc::new(Mutex::new(Some(receive)))))
    }
}

impl KeySource for Later {
    fn lookup(&self, query: &KeyQuery<'_>) -> Lookup {
        assert_eq!(query.algorithm, Algorithm::EdDsa);
        let Some(receive) = self.0.lock().unwrap().take() else {
            return Lookup::Miss(LookupError::Unknown);
        };
        Lookup::Wait(Box::pin(async {
            receive.await.unwrap_or(Err(LookupError::Unknown))
        }))
    }
}

fn unavailable() -> LookupError {
    LookupError::Unavailable {
        retry_after: Duration::from_millis(4_200),
        source: Arc::new(io::Error::other("connection refused")),
    }
}

#[tokio::test]
async fn a_request_whose_key_is_fetched_waits_and_then_calls_the_ready_service() {
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let token = issuer_of(key.clone())
        .issue(&json!({ "sub": "u" }))
        .unwrap();
    let (send, source) = Later::new();
    let inner = Inner::default();
    let mut service = JwtAuthLayer::new(verifier(source)).layer(inner.clone());

    let mut future = pin!(service.ready().await.unwrap().call(bearer(&token)));
    let first = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    assert!(first.is_pending());
    assert_eq!(inner.calls(), 0);
    send.send(Ok(key.verifying_key().clone())).unwrap();
    let response = future.await.unwrap();

    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(inner.calls(), 1);
    let next = service.ready().await.unwrap().call(bearer(&token)).await;
    assert_eq!(next.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_fetched_key_goes_through_the_same_checks() {
    let token = issuer().issue(&json!({ "sub": "u" })).unwrap();
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let wrong = SigningKey::generate(algorithm).unwrap();
        let (send, source) = Later::new();
        send.send(Ok(wrong.verifying_key().clone())).unwrap();
        let inner = Inner::default();
        let response = respond(&JwtAuthLayer::new(verifier(source)), &inner, bearer(&token)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(inner.calls(), 0);
    }
}

#[tokio::test]
async fn unavailable_keys_are_an_outage_and_not_a_bad_token() {
    let token = issuer().issue(&json!({ "sub": "u" })).unwrap();
    let (send, source) = Later::new();
    send.send(Err(unavailable())).unwrap();

    let response = respond(
        &JwtAuthLayer::new(verifier(source)),
        &Inner::default(),
        bearer(&token),
    )
    .await;

    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "5");
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
    let body = problem(response).await;
    assert_eq!(body["type"], "urn:tower-auth-sync:problem:keys-unavailable");
    assert!(!body.to_string().contains("refused"));
}

#[tokio::test]
async fn a_refused_token_fetches_no_key() {
    #[derive(Debug)]
    struct NoLookup;

    impl KeySource for NoLookup {
        fn lookup(&self, _query: &KeyQuery<'_>) -> Lookup {
            panic!("looked up")
        }
    }

    let builder = JwtIssuer::builder("https://evil.example", AUDIENCE);
    let other = builder.dangerous_ephemeral_key().build().unwrap();
    let token = other.issue(&json!({ "sub": "u" })).unwrap();
    let layer = JwtAuthLayer::new(verifier(NoLookup));
    let response = respond(&layer, &Inner::default(), bearer(&token)).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_error_of_the_service_stays_its_own() {
    let issuer = issuer();
    let token = issuer.issue(&json!({ "sub": "u" })).unwrap();
    let inner = tower::service_fn(async |_request: Request<Full<Bytes>>| {
        Err::<Response<Full<Bytes>>, _>(io::Error::other("inner"))
    });
    let error = layer(&issuer)
        .layer(inner)
        .oneshot(bearer(&token))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "inner");
}
