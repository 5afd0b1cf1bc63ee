//! Issuing tokens.

mod builder;
mod stored;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

pub use self::builder::JwtIssuerBuilder;
use self::builder::check_issuer;
pub use self::stored::StoredKeysError;
use self::stored::load;

use super::base64url;
use super::compact::MAX_TOKEN_LEN;
use super::key_set::KeySet;
use super::keys::Keys;
use super::signing_key::SigningKey;
use crate::base::clock::{Clock, UnixMillis};
use crate::base::entropy::{Entropy, random};

/// Issues tokens for one audience, and holds the public keys.
///
/// [`jwks_routes`](super::jwks_routes) publishes the keys. Copies share everything.
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

impl JwtIssuer {
    /// Starts to configure an issuer of tokens with `iss` = `issuer` and `aud` = `audience`.
    ///
    /// `issuer` is the URL under which [`jwks_routes`](super::jwks_routes) are reachable.
    pub fn builder(issuer: impl Into<String>, audience: impl Into<String>) -> JwtIssuerBuilder {
        JwtIssuerBuilder::new(issuer.into(), audience.into())
    }

    /// Starts to configure an issuer, as [`builder`](Self::builder), with the keys that `keys` has for
    /// `issuer`. If there is none, an ES256 key is made and stored; of processes that start at once, all
    /// use the key of one. The newest key signs; all keys are published.
    ///
    /// The keys are read once, here: a process sees later ones when it starts again, and the newest
    /// then signs at once. A key appended while verifiers cache the set is unknown to them until they
    /// fetch it again. This version removes no key.
    ///
    /// # Security
    ///
    /// The stores of this crate keep private keys in plain text: anyone who can read the store can sign.
    ///
    /// # Errors
    ///
    /// [`StoredKeysError`].
    ///
    /// ```
    /// use tower_auth_sync::token::{JwtIssuer, MemoryKeys};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let keys = MemoryKeys::new(); // or `AnyStore::connect("sqlite://auth-sync.db").await?`
    /// let issuer = JwtIssuer::stored(&keys, "https://auth.example", "https://app.example")
    ///     .await?
    ///     .build()?;
    /// let token = issuer.issue(&serde_json::json!({ "sub": "user_1" }))?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stored(
        keys: impl Into<Keys>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<JwtIssuerBuilder, StoredKeysError> {
        let (keys, issuer) = (keys.into(), issuer.into());
        check_issuer(&issuer)?;
        let loaded = load(&keys, &issuer).await?;
        let builder = Self::builder(issuer, audience);
        Ok(loaded.into_iter().fold(builder, JwtIssuerBuilder::key))
    }

    /// Signs a token with `claims`, which must have a non-empty `sub`.
    ///
    /// The issuer adds `iss`, `aud`, `iat`, `exp` and `jti` (128 random bits); `claims` must not hold
    /// them.
    ///
    /// # Errors
    ///
    /// [`IssueError`].
    pub fn issue(&self, claims: &impl Serialize) -> Result<String, IssueError> {
        let claims = self.add_registered(claims, self.0.clock.now())?;
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

    fn add_registered(
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

    /// Returns the public keys: first the one that signs.
    #[must_use]
    pub fn keys(&self) -> &KeySet {
        &self.0.published
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

/// Why a token cannot be issued.
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
    /// The claims hold a claim that the issuer sets: `iss`, `aud`, `iat`, `exp` or `jti`.
    #[error("the claim `{0}` is set by the issuer: leave it out")]
    Reserved(&'static str),
    /// The token would exceed the length that verifiers of this crate accept.
    #[error("the token would have {0} bytes; at most 16 KiB are accepted")]
    TooLong(usize),
    /// The clock reads 1970: it was never set.
    #[error("the clock is not set")]
    ClockNotSet,
    /// The cryptographic library could not sign.
    #[error("the cryptographic library could not sign")]
    Sign,
}
