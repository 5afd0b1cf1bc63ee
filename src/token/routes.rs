//! The routes that publish an issuer's keys.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use axum_core::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::algorithm::Algorithm;
use super::base64url;
use super::issuer::JwtIssuer;

/// Creates the routes `/.well-known/jwks.json` and `/.well-known/openid-configuration`.
///
/// The routes accept `GET` and `HEAD`. Responses have `Cache-Control` and an `ETag`; a matching
/// `If-None-Match` gets `304`. Only public members of keys are published. The discovery document
/// holds the members that verifiers of tokens read (`issuer`, `jwks_uri`, the algorithms). It names no
/// authorization endpoint: the issuer is no OpenID provider.
///
/// An issuer with a path, such as `https://example.com/auth`, publishes both documents under that
/// path (OpenID Connect Discovery §4): nest the router there.
///
/// ```
/// use axum::Router;
/// use tower_auth_sync::token::{JwtIssuer, jwks_routes};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = JwtIssuer::builder("https://auth.example", "https://app.example")
///     .dangerous_ephemeral_key()
///     .build()?;
/// let app: Router = Router::new().merge(jwks_routes(&issuer));
/// # Ok(())
/// # }
/// ```
pub fn jwks_routes<S>(issuer: &JwtIssuer) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let media_type = HeaderValue::from_static("application/jwk-set+json");
    let keys = StaticDocument::new(issuer.keys().to_json(), media_type);
    let media_type = HeaderValue::from_static("application/json");
    let discovery = StaticDocument::new(discovery(issuer), media_type);
    Router::new()
        .route(KEYS_PATH, get(async move |headers| keys.respond(&headers)))
        .route(
            DISCOVERY_PATH,
            get(async move |headers| discovery.respond(&headers)),
        )
}

fn discovery(issuer: &JwtIssuer) -> String {
    #[derive(Serialize)]
    struct DiscoveryDocument<'a> {
        issuer: &'a str,
        jwks_uri: String,
        response_types_supported: [&'a str; 1],
        subject_types_supported: [&'a str; 1],
        id_token_signing_alg_values_supported: Vec<&'a str>,
        claims_supported: [&'a str; 6],
    }
    let mut algorithms = Vec::new();
    for algorithm in issuer.keys().keys().iter().map(|key| key.algorithm()) {
        let name = Algorithm::as_str(algorithm);
        if !algorithms.contains(&name) {
            algorithms.push(name);
        }
    }
    // OpenID Connect Discovery §4: a slash at the end is removed before the path is appended.
    let base = issuer.issuer().trim_end_matches('/');
    let discovery = DiscoveryDocument {
        issuer: issuer.issuer(),
        jwks_uri: format!("{base}{KEYS_PATH}"),
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: algorithms,
        claims_supported: ["iss", "sub", "aud", "exp", "iat", "jti"],
    };
    // Texts cannot fail to serialize.
    serde_json::to_string(&discovery).unwrap_or_default()
}

/// A document that stays the same for the life of its route.
#[derive(Clone)]
struct StaticDocument {
    json: Arc<str>,
    media_type: HeaderValue,
    /// Never `None`: a digest is a valid header value.
    tag: Option<HeaderValue>,
}

impl StaticDocument {
    fn new(json: String, media_type: HeaderValue) -> Self {
        let digest = Sha256::digest(&json);
        let tag = format!("\"{}\"", base64url::encode(&digest[..16]));
        Self {
            json: json.into(),
            media_type,
            tag: tag.parse().ok(),
        }
    }

    fn respond(&self, request: &HeaderMap) -> Response<Body> {
        let mut response = if self.is_cached(request) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            let mut response = Response::new(Body::from(self.json.to_string()));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, self.media_type.clone());
            response
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, CACHING);
        headers.extend(self.tag.clone().map(|tag| (ETAG, tag)));
        response
    }

    /// Returns whether `If-None-Match` matches: `*`, or a list of tags compared weakly (RFC 9110
    /// §13.1.2).
    fn is_cached(&self, request: &HeaderMap) -> bool {
        let ours = self.tag.as_ref().map(HeaderValue::as_bytes);
        let lines = request.get_all(IF_NONE_MATCH).iter();
        let mut tags = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        tags.any(|tag| {
            let tag = tag.trim_ascii();
            tag == b"*" || Some(tag.strip_prefix(b"W/").unwrap_or(tag)) == ours
        })
    }
}

/// Verifiers and caches may use the documents for 5 min, a minute more while they refresh, and a day
/// while this service is down.
const CACHING: HeaderValue = HeaderValue::from_static(
    "public, max-age=300, stale-while-revalidate=60, stale-if-error=86400",
);

const KEYS_PATH: &str = "/.well-known/jwks.json";
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";
