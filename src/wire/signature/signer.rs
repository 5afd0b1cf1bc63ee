//! Making signed requests.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::algorithm::SigningKey;
use super::config_error::WebhookConfigError;
use super::headers;
use super::key;
use super::key::ShortKeys;
use crate::base::clock::UnixTime;
use crate::base::id::MessageId;
use crate::base::secret::{Secret, SecretError};
use crate::wire::scheme::Filling;
use crate::wire::scheme::Scheme;

/// Signs messages the way a [`Scheme`] asks. Cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    scheme: Scheme,
    /// The oldest first: those that sign.
    keys: Box<[SigningKey]>,
}

/// Settings of a [`Signer`]; made by [`Signer::builder`].
#[must_use = "call `build` to get the signer"]
#[derive(Clone, Debug)]
pub struct SignerBuilder {
    scheme: Scheme,
    secrets: Vec<Secret>,
    short: ShortKeys,
}

/// The headers of one signed message: id, time and signature, as far as the scheme has them.
///
/// `Debug` does not show the signature, and HTTP/2 does not index it.
#[must_use = "a signature does nothing until it is sent"]
#[derive(Clone, Debug)]
pub struct SignatureHeaders(Vec<(HeaderName, HeaderValue)>);

impl Signer {
    /// Creates a signer.
    ///
    /// Takes 1 to 8 secrets, the newest first, and makes one signature with each, written the oldest
    /// first: receivers that have any of them can verify. Where receivers take one signature, the
    /// oldest secret makes it: each receiver still has that one, and can add the newer before the
    /// older ends. [`Scheme`](Scheme#which-secrets-sign-during-an-overlap) says it for each preset.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] if there is no secret, or one that is empty, damaged, or whose key has fewer
    /// than 24 or more than 512 bytes.
    pub fn new<I>(scheme: Scheme, secrets: I) -> Result<Self, WebhookConfigError>
    where
        I: IntoIterator<Item: TryInto<Secret, Error: Into<SecretError>>>,
    {
        let mut builder = Self::builder(scheme);
        builder.secrets = key::collect(secrets)?;
        builder.build()
    }

    /// Starts a signer whose secrets may be short.
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

    /// Signs `body` as message `id`, sent at `now`; a scheme without time, or without a header for the
    /// id, leaves it out.
    pub fn sign(&self, id: &MessageId, now: UnixTime, body: &[u8]) -> SignatureHeaders {
        let Inner { scheme, keys } = &*self.0;
        let family = &scheme.family;
        let time = scheme.unit.write(now);
        let filling = Filling {
            content: &scheme.content,
            id: id.as_str(),
            time: &time,
        };
        let sign = |key: &SigningKey| scheme.encoding.encode(&key.sign(&filling, body));
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
    /// Adds a secret, the newest first. 1 to 8 are needed.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError::Secret`] if it is empty or damaged.
    pub fn secret<S>(mut self, secret: S) -> Result<Self, WebhookConfigError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        let secret = key::take(self.secrets.len(), secret)?;
        self.secrets.push(secret);
        Ok(self)
    }

    /// Lets keys pass that have fewer than 24 bytes, though not empty ones. Default: refused.
    ///
    /// # Security
    ///
    /// For receivers whose secret cannot be changed. A short key can be found by trial from one
    /// recorded request.
    pub const fn dangerous_allow_short_secret(mut self) -> Self {
        self.short = ShortKeys::Allowed;
        self
    }

    /// Makes the signer.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] if there is no secret, or if a secret's key is not usable.
    pub fn build(self) -> Result<Signer, WebhookConfigError> {
        let Self {
            scheme,
            secrets,
            short,
        } = self;
        key::check_count(secrets.len())?;
        let prepare = |(index, secret): (usize, &Secret)| {
            SigningKey::new(scheme.algorithm, index, secret.expose(), short)
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
    /// Puts the headers into `headers`, in place of any of the same names.
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
