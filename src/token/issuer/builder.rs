//! The settings of an issuer.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use serde::Serialize;

use super::{Inner, JwtIssuer};
use crate::base::clock::{Clock, SystemClock};
use crate::base::entropy::{Entropy, SystemEntropy};
use crate::token::algorithm::Algorithm;
use crate::token::base64url;
use crate::token::error::TokenConfigError;
use crate::token::key_set::KeySet;
use crate::token::signing_key::SigningKey;
use crate::token::verifier::TokenType;

/// Settings of a [`JwtIssuer`]; made by [`JwtIssuer::builder`] and [`JwtIssuer::stored`].
#[must_use = "call `build` to get the issuer"]
#[derive(Debug)]
pub struct JwtIssuerBuilder {
    issuer: String,
    audience: String,
    keys: Vec<SigningKey>,
    ephemeral: bool,
    lifetime: Duration,
    token_type: TokenType,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl JwtIssuerBuilder {
    pub(super) fn new(issuer: String, audience: String) -> Self {
        Self {
            issuer,
            audience,
            keys: Vec::new(),
            ephemeral: false,
            lifetime: DEFAULT_LIFETIME,
            token_type: TokenType::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// Adds a key. The first key signs; all keys are published.
    ///
    /// To change keys without a refused token: add the new key second and wait until verifiers have
    /// fetched it (an hour is enough for most), then put it first, and remove the old key after the
    /// token lifetime.
    pub fn key(mut self, key: SigningKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Signs with an ES256 key that [`build`](Self::build) makes and nobody stores.
    ///
    /// # Security
    ///
    /// For demonstrations and tests only: after a restart, and on a second machine, every token is
    /// refused.
    pub const fn dangerous_ephemeral_key(mut self) -> Self {
        self.ephemeral = true;
        self
    }

    /// Sets the lifetime of a token: 1 s to 24 h, in whole seconds. Default: 15 min, as in Better Auth.
    pub const fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the `typ` of tokens. Default: [`TokenType::Jwt`].
    pub const fn typ(mut self, token_type: TokenType) -> Self {
        self.token_type = token_type;
        self
    }

    /// Sets the clock. Default: the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the source of `jti`. Default: the operating system's generator.
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Creates the issuer.
    ///
    /// # Errors
    ///
    /// [`TokenConfigError`] for an issuer that is no http(s) URL without query and fragment, an empty
    /// audience, no key, two keys with one id, and a lifetime out of its range.
    pub fn build(mut self) -> Result<JwtIssuer, TokenConfigError> {
        check_issuer(&self.issuer)?;
        if self.audience.is_empty() {
            return Err(TokenConfigError::AudienceEmpty);
        }
        if !(MIN_LIFETIME..=MAX_LIFETIME).contains(&self.lifetime) {
            return Err(TokenConfigError::Lifetime(self.lifetime));
        }
        if self.ephemeral {
            if !self.keys.is_empty() {
                return Err(TokenConfigError::KeyAndEphemeral);
            }
            tracing::warn!("tokens are signed with an ephemeral key");
            self.keys.push(SigningKey::generate(Algorithm::Es256)?);
        }
        check_unique_ids(&self.keys)?;
        let key = self.keys.first().cloned().ok_or(TokenConfigError::NoKey)?;
        let published = KeySet::new(self.keys.iter().map(|key| key.verifying_key().clone()))?;
        Ok(JwtIssuer(Arc::new(Inner {
            prefix: prefix(&key, self.token_type).into(),
            issuer: self.issuer.into(),
            audience: self.audience.into(),
            lifetime: self.lifetime,
            key,
            published,
            clock: self.clock,
            entropy: self.entropy,
        })))
    }
}

/// Returns the encoded header and its dot.
fn prefix(key: &SigningKey, token_type: TokenType) -> String {
    #[derive(Serialize)]
    struct IssuedHeader<'a> {
        alg: &'a str,
        typ: &'a str,
        kid: &'a str,
    }
    let header = IssuedHeader {
        alg: key.algorithm().as_str(),
        typ: token_type.name(),
        kid: key.id().as_str(),
    };
    // Texts cannot fail to serialize.
    let json = serde_json::to_vec(&header).unwrap_or_default();
    base64url::encode(&json) + "."
}

pub(super) fn check_issuer(issuer: &str) -> Result<(), TokenConfigError> {
    if issuer.is_empty() {
        return Err(TokenConfigError::IssuerEmpty);
    }
    let uri: Option<Uri> = issuer.parse().ok();
    let is_url = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http")) && uri.query().is_none()
    });
    // `Uri` drops a fragment without an error.
    if is_url && !issuer.contains('#') {
        Ok(())
    } else {
        Err(TokenConfigError::IssuerUrl {
            issuer: issuer.into(),
        })
    }
}

fn check_unique_ids(keys: &[SigningKey]) -> Result<(), TokenConfigError> {
    for (index, key) in keys.iter().enumerate() {
        if keys[..index].iter().any(|other| other.id() == key.id()) {
            return Err(TokenConfigError::DuplicateKeyId(key.id().as_str().into()));
        }
    }
    Ok(())
}

const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);
const MIN_LIFETIME: Duration = Duration::from_secs(1);
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
