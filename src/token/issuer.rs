//! The side that signs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use serde::Serialize;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::base64url;
use super::compact::MAX_TOKEN_LEN;
use super::error::TokenConfigError;
use super::set::KeySet;
use super::signing::SigningKey;
use super::verifier::TokenType;
use crate::base::clock::{Clock, SystemClock, UnixMillis};
use crate::base::entropy::{Entropy, SystemEntropy, random};

const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);
const MIN_LIFETIME: Duration = Duration::from_secs(1);
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Issues tokens for one audience, and knows which keys to publish.
///
/// [`jwks_routes`](super::routes::jwks_routes) publishes them. Copies share all.
///
/// ```
/// use tower_auth_sync::token::{Algorithm, JwtIssuer, SigningKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Once, into your secret store:
/// let pem = SigningKey::generate(Algorithm::Es256)?.to_pem()?;
///
/// // At each start:
/// let issuer = JwtIssuer::builder("https://auth.example", "https://app.example")
///     .key(SigningKey::from_pem(&*pem)?)
///     .build()?;
/// let token = issuer.issue(&serde_json::json!({ "sub": "user_1", "role": "admin" }))?;
/// # assert_eq!(token.split('.').count(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct JwtIssuer(Arc<Inner>);

struct Inner {
    issuer: Box<str>,
    audience: Box<str>,
    lifetime: Duration,
    key: SigningKey,
    /// The encoded header and its dot: the same for every token.
    prefix: Box<str>,
    published: KeySet,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Settings of a [`JwtIssuer`]; made by [`JwtIssuer::builder`].
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

/// Why no token was issued.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The claims could not be serialized.
    #[error("the claims could not be serialized")]
    Serialize(#[source] serde_json::Error),
    /// The claims are not a JSON object.
    #[error("the claims are not a JSON object: use a struct or a map")]
    NotAnObject,
    /// `sub` is missing, empty or not a string.
    #[error("the claims have no `sub` that is a non-empty string")]
    Subject,
    /// The claims hold one that the issuer sets itself: `iss`, `aud`, `iat`, `exp` or `jti`.
    #[error("the claim `{0}` is set by the issuer: leave it out")]
    Reserved(&'static str),
    /// The token would be longer than verifiers of this crate read.
    #[error("the token would have {0} bytes; at most 16 KiB are accepted")]
    TooLong(usize),
    /// The clock reads 1970: it was never set.
    #[error("the clock is not set")]
    ClockNotSet,
    /// The cryptographic library could not sign.
    #[error("the cryptographic library could not sign")]
    Sign,
}

impl JwtIssuer {
    /// Starts to configure an issuer whose tokens say `iss` = `issuer` and `aud` = `audience`.
    ///
    /// `issuer` is the URL under which [`jwks_routes`](super::routes::jwks_routes) are reachable.
    pub fn builder(issuer: impl Into<String>, audience: impl Into<String>) -> JwtIssuerBuilder {
        JwtIssuerBuilder {
            issuer: issuer.into(),
            audience: audience.into(),
            keys: Vec::new(),
            ephemeral: false,
            lifetime: DEFAULT_LIFETIME,
            token_type: TokenType::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// Signs a token with `claims`, which must have a non-empty `sub`.
    ///
    /// `iss`, `aud`, `iat`, `exp` and `jti` (128 random bits) are added and must not be there yet.
    ///
    /// # Errors
    ///
    /// [`IssueError`].
    pub fn issue(&self, claims: &impl Serialize) -> Result<String, IssueError> {
        let claims = self.complete(claims, self.0.clock.now())?;
        let claims = serde_json::to_vec(&claims).map_err(IssueError::Serialize)?;
        let mut token = [&*self.0.prefix, &base64url::encode(&claims)].concat();
        let signature = self.0.key.sign(token.as_bytes()).ok_or(IssueError::Sign)?;
        token.push('.');
        token.push_str(&base64url::encode(&signature));
        if token.len() > MAX_TOKEN_LEN {
            return Err(IssueError::TooLong(token.len()));
        }
        Ok(token)
    }

    fn complete(
        &self,
        claims: &impl Serialize,
        now: UnixMillis,
    ) -> Result<Map<String, Value>, IssueError> {
        let inner = &*self.0;
        if now == UnixMillis::EPOCH {
            return Err(IssueError::ClockNotSet);
        }
        let claims = serde_json::to_value(claims).map_err(IssueError::Serialize)?;
        let Value::Object(mut claims) = claims else {
            return Err(IssueError::NotAnObject);
        };
        let subject = claims.get("sub").and_then(Value::as_str);
        if subject.is_none_or(str::is_empty) {
            return Err(IssueError::Subject);
        }
        let id = base64url::encode(&random::<16>(&*inner.entropy));
        let expires_at = now.saturating_add(inner.lifetime);
        for (name, value) in [
            ("iss", Value::from(&*inner.issuer)),
            ("aud", Value::from(&*inner.audience)),
            ("iat", Value::from(now.to_secs().as_secs())),
            ("exp", Value::from(expires_at.to_secs().as_secs())),
            ("jti", Value::from(id)),
        ] {
            if claims.insert(name.to_owned(), value).is_some() {
                return Err(IssueError::Reserved(name));
            }
        }
        Ok(claims)
    }

    /// Returns `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Returns `aud`.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.0.audience
    }

    /// Returns the public keys: the one that signs, then the others.
    #[must_use]
    pub fn keys(&self) -> &KeySet {
        &self.0.published
    }
}

impl JwtIssuerBuilder {
    /// Adds a key. The first signs; all are published.
    ///
    /// To change keys without a refused token: add the new one second and wait until verifiers have
    /// fetched it (an hour does for most), move it to the front, and take the old one out when the
    /// token lifetime has passed as well.
    pub fn key(mut self, key: SigningKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Signs with an ES256 key made at [`build`](Self::build) and kept nowhere.
    ///
    /// # Security
    ///
    /// For demonstrations and tests: after a restart, and on a second machine, every token is
    /// refused.
    pub const fn dangerous_ephemeral_key(mut self) -> Self {
        self.ephemeral = true;
        self
    }

    /// Sets how long a token lives. 1 s to 24 h, in whole seconds. Default: 15 min, as Better Auth.
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

    /// Sets where `jti` comes from. Default: the operating system's generator.
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Makes the issuer.
    ///
    /// # Errors
    ///
    /// [`TokenConfigError`] for an issuer that is no http(s) URL without query and fragment, an empty
    /// audience, no key or two of one id, and a lifetime out of its range.
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

impl fmt::Debug for JwtIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtIssuer")
            .field("issuer", &self.0.issuer)
            .field("audience", &self.0.audience)
            .field("lifetime", &self.0.lifetime)
            .field("published", &self.0.published)
            .finish_non_exhaustive()
    }
}

fn prefix(key: &SigningKey, token_type: TokenType) -> String {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: &'a str,
        typ: &'a str,
        kid: &'a str,
    }
    let header = Header {
        alg: key.algorithm().as_str(),
        typ: token_type.name(),
        kid: key.id().as_str(),
    };
    // Texts cannot fail to serialize.
    let json = serde_json::to_vec(&header).unwrap_or_default();
    base64url::encode(&json) + "."
}

fn check_issuer(issuer: &str) -> Result<(), TokenConfigError> {
    if issuer.is_empty() {
        return Err(TokenConfigError::IssuerEmpty);
    }
    let uri: Option<Uri> = issuer.parse().ok();
    let is_url = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http")) && uri.query().is_none()
    });
    // `Uri` drops a fragment without a word.
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
