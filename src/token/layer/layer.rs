//! The layer and its settings.

use std::sync::Arc;

use tower_layer::Layer;

use super::gate::JwtGate;
use super::service::JwtAuth;
use crate::token::verifier::TokenVerifier;

/// Layer that lets only requests with an acceptable bearer token reach the inner service.
///
/// # Order of checks
///
/// 1. No `Authorization` header, or one of another scheme: `401` `token-missing` and a bare
///    `WWW-Authenticate: Bearer realm="…"` (RFC 6750 §3).
/// 2. Two `Authorization` lines, no token, two tokens, or bytes that a token cannot have: `400`
///    `invalid-request`.
/// 3. A token that the [`TokenVerifier`] refuses: `401` `invalid-token` with `error="invalid_token"`.
/// 4. Unavailable keys: `503` `keys-unavailable` with `Retry-After`. The token may be good.
/// 5. A missing scope: `403` `insufficient-scope`, with the scopes in the challenge.
/// 6. Otherwise the request reaches the inner service, with a
///    [`VerifiedToken`](crate::token::VerifiedToken) in its extensions. Its `Authorization` value is
///    marked sensitive, so that its `Debug` does not print it.
///
/// The layer reads tokens from the header alone: never from cookies, the query or the body. A caller
/// learns that a token expired or is not valid yet, and nothing else. The reason and the expected value
/// are in a [`JwtRejection`](crate::token::JwtRejection) in the response's extensions and in a tracing
/// event; neither holds the token.
///
/// # Deployment caveat
///
/// `Router::layer` would guard the fallback too, so that the response to an unknown path is `401` instead
/// of `404`: put the layer on routes with `Router::route_layer` or `MethodRouter::layer`.
///
/// ```
/// # #[cfg(feature = "axum")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::Router;
/// use axum::routing::get;
/// use tower_auth_sync::token::{Claims, JwtAuthLayer, JwtIssuer, TokenVerifier};
///
/// #[derive(serde::Deserialize)]
/// struct AppClaims {
///     sub: String,
/// }
///
/// async fn me(Claims(claims): Claims<AppClaims>) -> String {
///     claims.sub
/// }
///
/// # let issuer = JwtIssuer::builder("https://auth.example", "https://app.example")
/// #     .dangerous_ephemeral_key()
/// #     .build()?;
/// # let keys = issuer.keys().clone();
/// let tokens = TokenVerifier::builder(keys)
///     .issuer("https://auth.example")
///     .audience("https://app.example")
///     .build()?;
/// let app: Router = Router::new()
///     .route("/me", get(me))
///     .route_layer(JwtAuthLayer::new(tokens));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "axum"))]
/// # fn main() {}
/// ```
#[must_use = "a layer does nothing until it wraps a service"]
#[derive(Clone, Debug)]
pub struct JwtAuthLayer {
    gate: Arc<JwtGate>,
}

impl JwtAuthLayer {
    /// Creates a layer that checks tokens with `verifier`.
    pub fn new(verifier: TokenVerifier) -> Self {
        Self {
            gate: Arc::new(JwtGate {
                verifier,
                realm: DEFAULT_REALM.into(),
                scopes: Vec::new(),
            }),
        }
    }

    /// Sets the realm of the challenge. Default: `api`.
    ///
    /// # Errors
    ///
    /// [`InvalidChallenge::Realm`].
    pub fn with_realm(mut self, realm: &str) -> Result<Self, InvalidChallenge> {
        if !is_quotable(realm) {
            return Err(InvalidChallenge::Realm);
        }
        Arc::make_mut(&mut self.gate).realm = realm.into();
        Ok(self)
    }

    /// Adds a required scope. The claim `scope` must have it among its space-separated words (RFC 8693
    /// §4.2). Default: none.
    ///
    /// ```
    /// use tower_auth_sync::token::{InvalidChallenge, JwtAuthLayer, TokenVerifier};
    ///
    /// fn admin(tokens: TokenVerifier) -> Result<JwtAuthLayer, InvalidChallenge> {
    ///     JwtAuthLayer::new(tokens)
    ///         .with_realm("admin")?
    ///         .require_scope("users:write")
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidChallenge::Scope`].
    pub fn require_scope(mut self, scope: &str) -> Result<Self, InvalidChallenge> {
        if !is_quotable(scope) || scope.contains(' ') {
            return Err(InvalidChallenge::Scope);
        }
        Arc::make_mut(&mut self.gate).scopes.push(scope.into());
        Ok(self)
    }
}

impl<S> Layer<S> for JwtAuthLayer {
    type Service = JwtAuth<S>;

    fn layer(&self, inner: S) -> Self::Service {
        JwtAuth::new(inner, Arc::clone(&self.gate))
    }
}

/// The realm or scope cannot be part of `WWW-Authenticate`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidChallenge {
    /// A realm is 1 to 256 printable ASCII characters without `"` and `\`.
    #[error("a realm is 1 to 256 printable ASCII characters without `\"` and `\\`")]
    Realm,
    /// A scope is 1 to 256 printable ASCII characters without space, `"` and `\` (RFC 6749 §3.3).
    #[error("a scope is 1 to 256 printable ASCII characters without space, `\"` and `\\`")]
    Scope,
}

/// Returns whether `text` can be part of a quoted string in a header unchanged.
fn is_quotable(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    (1..=256).contains(&text.len()) && text.bytes().all(plain)
}

const DEFAULT_REALM: &str = "api";
