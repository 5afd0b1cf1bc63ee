//! The layer and its settings.

use std::sync::Arc;

use tower_layer::Layer;

use super::service::JwtAuth;
use crate::token::verifier::TokenVerifier;

/// Answers `401` unless the request carries a bearer token that a [`TokenVerifier`] accepts.
///
/// See the [module docs](super) for what happens to a request, and an example.
#[must_use = "a layer does nothing until it wraps a service"]
#[derive(Clone, Debug)]
pub struct JwtAuthLayer {
    gate: Arc<Gate>,
}

/// What a request is judged by.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) verifier: TokenVerifier,
    pub(super) realm: Box<str>,
    pub(super) scopes: Vec<Box<str>>,
}

/// A realm or scope that cannot stand in `WWW-Authenticate`.
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

const DEFAULT_REALM: &str = "api";

impl JwtAuthLayer {
    /// Creates a layer that checks tokens with `verifier`.
    pub fn new(verifier: TokenVerifier) -> Self {
        Self {
            gate: Arc::new(Gate {
                verifier,
                realm: DEFAULT_REALM.into(),
                scopes: Vec::new(),
            }),
        }
    }

    /// Sets the realm that `401` answers name. Default: `api`.
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

    /// Requires `scope`, besides those required before, among the space-separated words of the claim
    /// `scope` (RFC 8693 §4.2). Default: none.
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

/// Returns whether `text` can stand in a quoted string of a header as it is.
fn is_quotable(text: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    (1..=256).contains(&text.len()) && text.bytes().all(plain)
}
