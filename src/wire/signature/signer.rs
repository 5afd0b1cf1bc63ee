//! Signing of requests.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::algorithm::WebhookSigningKey;
use super::config_error::WebhookConfigError;
use super::headers;
use super::key::{self, ShortKeys};
use crate::base::clock::{Clock as _, SystemClock, UnixTime};
use crate::base::id::MessageId;
use crate::base::secret::{Secret, SecretError};
use crate::wire::scheme::{Rendered, Scheme};

/// Signs messages by the rules of a [`Scheme`]. Cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    scheme: Scheme,
    /// The signing keys, the oldest first.
    keys: Box<[WebhookSigningKey]>,
}

/// Builder of a [`Signer`]; [`Signer::builder`] creates it.
///
/// ```
/// use tower_auth_sync::scheme::Scheme;
/// use tower_auth_sync::signature::Signer;
///
/// let signer = Signer::builder(Scheme::github())
///     .secret("short-secret")?
///     .dangerous_allow_short_secret()
///     .build()?;
/// # Ok::<(), tower_auth_sync::signature::WebhookConfigError>(())
/// ```
#[must_use = "call `build` to get the signer"]
#[derive(Clone, Debug)]
pub struct SignerBuilder {
    scheme: Scheme,
    secrets: Vec<Secret>,
    short: ShortKeys,
}

/// The headers of one signed message: signature, and id and time if the scheme has them.
///
/// `Debug` does not show the signature, and HTTP/2 does not index it.
#[must_use = "call `apply` to send the signature"]
#[derive(Clone, Debug)]
pub struct SignatureHeaders(Vec<(HeaderName, HeaderValue)>);

impl Signer {
    /// Creates a signer.
    ///
    /// Takes 1 to 8 secrets, the newest first, and signs with each. The signatures are written oldest
    /// first, so that receivers with any of the secrets can verify. If receivers take one signature,
    /// the oldest secret signs: every receiver still has it and can add the newer one before the older
    /// one ends. See the [rules of each preset](Scheme#which-secrets-sign-during-an-overlap).
    ///
    /// ```
    /// use tower_auth_sync::scheme::Scheme;
    /// use tower_auth_sync::signature::Signer;
    ///
    /// let signer = Signer::new(Scheme::github(), ["not-a-secret-but-an-example"])?;
    /// # Ok::<(), tower_auth_sync::signature::WebhookConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] without a secret, and for a secret that is empty, damaged or a
    /// placeholder, or whose key has fewer than 24 or more than 512 bytes.
    pub fn new<I>(scheme: Scheme, secrets: I) -> Result<Self, WebhookConfigError>
    where
        I: IntoIterator<Item: TryInto<Secret, Error: Into<SecretError>>>,
    {
        let mut builder = Self::builder(scheme);
        builder.secrets = key::collect(secrets)?;
        builder.build()
    }

    /// Starts a builder, which can also allow short secrets.
    pub const fn builder(scheme: Scheme) -> SignerBuilder {
        SignerBuilder {
            scheme,
            secrets: Vec::new(),
            short: ShortKeys::Refused,
        }
    }

    /// Returns the scheme.
    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.0.scheme
    }

    /// Signs `body` as message `id`, sent now. A scheme without a time or an id header omits it.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use tower_auth_sync::id::MessageId;
    /// use tower_auth_sync::scheme::Scheme;
    /// use tower_auth_sync::signature::Signer;
    ///
    /// let signer = Signer::new(Scheme::standard_webhooks(), ["whsec_bm90LWEtc2VjcmV0LWJ1dC1hbi1leGFtcGxl"])?;
    /// let mut headers = HeaderMap::new();
    /// signer.sign(&MessageId::new("msg_1")?, b"{}").apply(&mut headers);
    /// assert!(headers.contains_key("webhook-signature"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn sign(&self, id: &MessageId, body: &[u8]) -> SignatureHeaders {
        self.sign_at(id, SystemClock.now().to_secs(), body)
    }

    /// Signs as [`sign`](Self::sign), but at `time`.
    pub fn sign_at(&self, id: &MessageId, time: UnixTime, body: &[u8]) -> SignatureHeaders {
        let Inner { scheme, keys } = &*self.0;
        let family = &scheme.family;
        let time = scheme.unit.write(time);
        let rendered = Rendered {
            template: &scheme.content,
            id: id.as_str(),
            time: &time,
        };
        let sign = |key: &WebhookSigningKey| scheme.encoding.encode(&key.sign(&rendered, body));
        let signatures: Vec<_> = keys.iter().map(sign).collect();
        let mut signature = ascii(&scheme.grammar.write(&time, &signatures));
        signature.set_sensitive(true);

        let mut headers = Vec::with_capacity(3);
        if let Some(name) = family.id {
            headers.push((headers::name(name), ascii(id.as_str())));
        }
        if let Some(name) = family.timestamp {
            headers.push((headers::name(name), ascii(&time)));
        }
        headers.push((headers::name(family.signature), signature));
        SignatureHeaders(headers)
    }
}

impl SignerBuilder {
    /// Adds a secret, the newest first. The signer needs 1 to 8.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError::Secret`] if it is empty, damaged or a placeholder.
    pub fn secret<S>(mut self, secret: S) -> Result<Self, WebhookConfigError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        let secret = key::take(self.secrets.len(), secret)?;
        self.secrets.push(secret);
        Ok(self)
    }

    /// Allows keys of 1 to 23 bytes. Default: refused. Placeholders stay refused.
    ///
    /// # Security
    ///
    /// Only for receivers whose secret cannot change. One recorded request suffices to search for a short
    /// key.
    pub const fn dangerous_allow_short_secret(mut self) -> Self {
        self.short = ShortKeys::Allowed;
        self
    }

    /// Builds the signer.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] without a secret, and for a secret whose key is not usable.
    pub fn build(self) -> Result<Signer, WebhookConfigError> {
        let Self {
            scheme,
            secrets,
            short,
        } = self;
        key::check_count(secrets.len())?;
        let prepare = |(index, secret): (usize, &Secret)| {
            WebhookSigningKey::new(scheme.algorithm, index, secret.expose(), short)
        };
        let keys = secrets.iter().enumerate().map(prepare);
        let mut keys = keys.collect::<Result<Vec<_>, WebhookConfigError>>()?;
        keys.reverse();
        if scheme.signs_once {
            keys.truncate(1);
        }
        Ok(Signer(Arc::new(Inner {
            scheme,
            keys: keys.into_boxed_slice(),
        })))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("scheme", &self.0.scheme.name)
            .field("keys", &self.0.keys.len())
            .finish()
    }
}

impl SignatureHeaders {
    /// Inserts the headers into `headers` and replaces those of the same names.
    pub fn apply(self, headers: &mut HeaderMap) {
        headers.extend(self);
    }
}

impl IntoIterator for SignatureHeaders {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[expect(
    clippy::expect_used,
    reason = "ids, digits, hex and base64 are visible ASCII"
)]
fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids, digits, hex and base64 are visible ASCII")
}
