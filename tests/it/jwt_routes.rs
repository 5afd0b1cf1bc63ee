//! Publishing keys and guarding routes, in one axum application.

use axum::body::Body;
use axum::routing::get;
use axum::{Json, Router};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use tower_auth_sync::token::{
    Algorithm, Claims, JwtAuthLayer, JwtIssuer, KeySet, SigningKey, TokenVerifier, jwks_routes,
};

const ISSUER: &str = "https://auth.example";
const AUDIENCE: &str = "https://app.example";
const KEYS: &str = "/.well-known/jwks.json";
const DISCOVERY: &str = "/.well-known/openid-configuration";

#[derive(Deserialize)]
struct Mine {
    sub: String,
    level: u8,
}

async fn me(Claims(claims): Claims<Mine>) -> Json<Value> {
    Json(json!({ "sub": claims.sub, "level": claims.level }))
}

async fn maybe_me(claims: Option<Claims<Mine>>) -> String {
    claims.map_or_else(|| "nobody".to_owned(), |Claims(mine)| mine.sub)
}

fn issuer(url: &str) -> JwtIssuer {
    let builder = JwtIssuer::builder(url, AUDIENCE);
    let builder = builder.key(SigningKey::generate(Algorithm::Es256).unwrap());
    let builder = builder.key(SigningKey::generate(Algorithm::EdDsa).unwrap());
    let builder = builder.key(SigningKey::generate(Algorithm::Es256).unwrap());
    builder.build().unwrap()
}

/// An application with state. Its keys come from the document that it publishes.
async fn app(issuer: &JwtIssuer) -> Router {
    let published = ask(&jwks_routes(issuer), Method::GET, KEYS, HeaderMap::new()).await;
    let tokens = TokenVerifier::builder(KeySet::from_json(bytes(published).await).unwrap())
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .build()
        .unwrap();
    Router::<String>::new()
        .route("/me", get(me))
        .route("/maybe", get(maybe_me))
        .route_layer(JwtAuthLayer::new(tokens))
        .route("/bare", get(me))
        .route("/bare/maybe", get(maybe_me))
        .merge(jwks_routes(issuer))
        .with_state("state".to_owned())
}

async fn ask(app: &Router, method: Method, path: &str, headers: HeaderMap) -> Response<Body> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap();
    *request.headers_mut() = headers;
    app.clone().oneshot(request).await.unwrap()
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes()
        .into()
}

async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_slice(&bytes(response).await).unwrap()
}

fn bearer(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    headers
}

#[tokio::test]
async fn a_token_opens_its_route_by_the_published_keys() {
    let issuer = issuer(ISSUER);
    let app = app(&issuer).await;
    let token = issuer
        .issue(&json!({ "sub": "user_1", "level": 7 }))
        .unwrap();
    let response = ask(&app, Method::GET, "/me", bearer(&token)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        json_of(response).await,
        json!({ "sub": "user_1", "level": 7 })
    );
    let response = ask(&app, Method::GET, "/maybe", bearer(&token)).await;
    assert_eq!(bytes(response).await, b"user_1");
}

#[tokio::test]
async fn without_a_token_guarded_routes_are_401_and_unknown_paths_404() {
    let app = app(&issuer(ISSUER)).await;
    for (path, status) in [
        ("/me", 401),
        ("/maybe", 401),
        ("/nowhere", 404),
        (KEYS, 200),
    ] {
        let response = ask(&app, Method::GET, path, HeaderMap::new()).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_good_token_with_other_claims_than_the_handler_expects_is_not_acceptable() {
    let issuer = issuer(ISSUER);
    let app = app(&issuer).await;
    for claims in [
        json!({ "sub": "u" }),
        json!({ "sub": "u", "level": "secret" }),
    ] {
        let token = issuer.issue(&claims).unwrap();
        let response = ask(&app, Method::GET, "/me", bearer(&token)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert!(!json_of(response).await.to_string().contains("secret"));
    }
}

#[tokio::test]
async fn an_extractor_without_its_layer_is_a_server_error_or_none() {
    let issuer = issuer(ISSUER);
    let app = app(&issuer).await;
    let token = issuer.issue(&json!({ "sub": "u", "level": 1 })).unwrap();
    let response = ask(&app, Method::GET, "/bare", bearer(&token)).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let response = ask(&app, Method::GET, "/bare/maybe", bearer(&token)).await;
    assert_eq!(bytes(response).await, b"nobody");
}

#[tokio::test]
async fn keys_are_published_with_caching_and_without_private_members() {
    let issuer = issuer(ISSUER);
    let response = ask(&jwks_routes(&issuer), Method::GET, KEYS, HeaderMap::new()).await;
    assert_eq!(response.headers()[CONTENT_TYPE], "application/jwk-set+json");
    let caching = "public, max-age=300, stale-while-revalidate=60, stale-if-error=86400";
    assert_eq!(response.headers()[CACHE_CONTROL], caching);
    let document = json_of(response).await;
    let keys = document["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 3);
    for key in keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(key.get(private).is_none(), "{private}");
        }
        assert!(key["kid"].is_string());
    }
}

#[tokio::test]
async fn a_cached_document_is_not_sent_again() {
    let app: Router = jwks_routes(&issuer(ISSUER));
    for path in [KEYS, DISCOVERY] {
        let first = ask(&app, Method::GET, path, HeaderMap::new()).await;
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        for (known, status) in [
            (tag.clone(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"other\", {tag}"), 304),
            ("*".to_owned(), 304),
            ("\"other\"".to_owned(), 200),
            (tag.trim_matches('"').to_owned(), 200),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, known.parse().unwrap());
            let response = ask(&app, Method::GET, path, headers).await;
            assert_eq!(response.status(), status, "{known}");
            assert_eq!(response.headers()[ETAG], tag);
            assert!(response.headers().contains_key(CACHE_CONTROL));
            assert_eq!(bytes(response).await.is_empty(), status == 304);
        }
    }
}

#[tokio::test]
async fn a_response_to_head_has_no_body_and_post_is_refused() {
    let app: Router = jwks_routes(&issuer(ISSUER));
    let response = ask(&app, Method::HEAD, KEYS, HeaderMap::new()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().contains_key(ETAG));
    assert!(bytes(response).await.is_empty());
    let response = ask(&app, Method::POST, KEYS, HeaderMap::new()).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn discovery_names_the_keys_under_the_issuer_with_or_without_a_path() {
    for (url, keys) in [
        (
            "https://auth.example",
            "https://auth.example/.well-known/jwks.json",
        ),
        (
            "https://auth.example/",
            "https://auth.example/.well-known/jwks.json",
        ),
        (
            "http://127.0.0.1:3000",
            "http://127.0.0.1:3000/.well-known/jwks.json",
        ),
        (
            "https://x.example/auth",
            "https://x.example/auth/.well-known/jwks.json",
        ),
        (
            "https://x.example/a/b/",
            "https://x.example/a/b/.well-known/jwks.json",
        ),
    ] {
        let app: Router = jwks_routes(&issuer(url));
        let document = json_of(ask(&app, Method::GET, DISCOVERY, HeaderMap::new()).await).await;
        assert_eq!(document["issuer"], url);
        assert_eq!(document["jwks_uri"], keys);
        let algorithms = &document["id_token_signing_alg_values_supported"];
        assert_eq!(*algorithms, json!(["ES256", "EdDSA"]));
        assert!(document["response_types_supported"].is_array());
        assert!(document["subject_types_supported"].is_array());
    }
}

#[tokio::test]
async fn the_routes_can_be_nested_under_the_issuers_path() {
    let routes = jwks_routes(&issuer("https://x.example/auth"));
    let app: Router = Router::new().nest("/auth", routes);
    let response = ask(
        &app,
        Method::GET,
        "/auth/.well-known/jwks.json",
        HeaderMap::new(),
    )
    .await;
    assert_eq!(response.status(), StatusCode::OK);
}
