//! Registering an endpoint.

use std::fmt;

use url::Url;

use super::endpoint::{Endpoint, EndpointSecrets};
use super::issued::IssuedSecret;
use crate::base::clock::UnixMillis;
use crate::base::entropy::SystemEntropy;
use crate::base::id::EndpointId;
use crate::base::secret::{Secret, SecretError};
use crate::http::egress::{EgressError, EgressPolicy};
use crate::wire::event::EventFilter;
use crate::wire::scheme::Scheme;
use crate::wire::signature::{Signer, WebhookConfigError, generate_secret, receiver_secret};

/// An endpoint to register.
///
/// ```
/// use tower_auth_sync::egress::EgressPolicy;
/// use tower_auth_sync::outbox::NewEndpoint;
/// use tower_auth_sync::scheme::Scheme;
///
/// let endpoint = NewEndpoint::new(
///     "https://crm.example.com/webhooks/auth",
///     Scheme::banata(),
///     "whsec_a-demonstration-key-of-enough-bytes",
/// )?
/// .with_filter("user.*, session.revoked".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an endpoint gets nothing until `Endpoints::create` stores it"]
#[derive(Clone)]
pub struct NewEndpoint {
    url: Url,
    scheme: Scheme,
    secret: Secret,
    receiver_secret: Secret,
    filter: EventFilter,
}

impl NewEndpoint {
    /// Describes an endpoint that gets every event, under [`EgressPolicy::public`].
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if the URL does not parse or may not be called, if the scheme is no
    /// preset, or if the secret does not suit the scheme.
    pub fn new<S>(url: &str, scheme: Scheme, secret: S) -> Result<Self, EndpointError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        Self::new_with(url, scheme, secret, &EgressPolicy::public())
    }

    /// Describes an endpoint as [`new`](Self::new), under another policy.
    ///
    /// `egress` should be the worker's policy: the worker refuses at every attempt what its policy
    /// refuses.
    ///
    /// # Errors
    ///
    /// [`EndpointError`], as [`new`](Self::new).
    pub fn new_with<S>(
        url: &str,
        scheme: Scheme,
        secret: S,
        egress: &EgressPolicy,
    ) -> Result<Self, EndpointError>
    where
        S: TryInto<Secret, Error: Into<SecretError>>,
    {
        let url = Url::parse(url).map_err(EndpointError::Url)?;
        egress.check_url(&url)?;
        if Scheme::by_name(scheme.name()).as_ref() != Some(&scheme) {
            return Err(EndpointError::Scheme);
        }
        let secret = secret.try_into().map_err(Into::into)?;
        Signer::new(scheme.clone(), [secret.clone()])?;
        Ok(Self {
            url,
            receiver_secret: receiver_secret(&scheme, &secret)?,
            scheme,
            secret,
            filter: EventFilter::all(),
        })
    }

    /// Describes an endpoint with a new secret, under [`EgressPolicy::public`] and with the
    /// system's randomness. [`Endpoints::create`](super::endpoints::Endpoints::create) shows the secret
    /// once.
    ///
    /// The secret is `whsec_` and the base64 of 32 random bytes; for `v1a` signatures a private
    /// Ed25519 key `whsk_…`, whose public key the receiver gets.
    ///
    /// ```
    /// use tower_auth_sync::outbox::NewEndpoint;
    /// use tower_auth_sync::scheme::Scheme;
    ///
    /// let new = NewEndpoint::generate("https://crm.example.com/webhooks/auth", Scheme::banata())?;
    /// # Ok::<(), tower_auth_sync::outbox::EndpointError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn generate(url: &str, scheme: Scheme) -> Result<Self, EndpointError> {
        Self::generate_with(url, scheme, &EgressPolicy::public())
    }

    /// As [`generate`](Self::generate), under another policy.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn generate_with(
        url: &str,
        scheme: Scheme,
        egress: &EgressPolicy,
    ) -> Result<Self, EndpointError> {
        let secret = generate_secret(&scheme, &SystemEntropy)?;
        Self::new_with(url, scheme, secret, egress)
    }

    /// Sets the events that the endpoint gets. Default: all.
    pub fn with_filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Makes the endpoint, enabled; for stores.
    #[must_use]
    pub fn into_endpoint(self, id: EndpointId, now: UnixMillis) -> Endpoint {
        let secrets = EndpointSecrets::new(self.secret);
        Endpoint::from_stored(id, self.url, self.scheme, secrets, now).with_filter(self.filter)
    }

    /// Returns the text that the receiver needs.
    pub(super) fn issued_secret(&self) -> IssuedSecret {
        IssuedSecret::new(self.receiver_secret.clone())
    }
}

/// Shows the URL's host only.
impl fmt::Debug for NewEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEndpoint")
            .field("host", &self.url.host_str())
            .field("scheme", &self.scheme.name())
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

/// Why an endpoint cannot be registered.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EndpointError {
    /// The URL does not parse.
    #[error("the endpoint's URL is not a URL")]
    Url(#[source] url::ParseError),
    /// The URL may not be called.
    #[error("the endpoint's URL may not be called")]
    Egress(#[from] EgressError),
    /// The scheme is no preset. Stores keep a preset's name.
    #[error("an endpoint's scheme must be one of the presets")]
    Scheme,
    /// The text is no secret.
    #[error("the endpoint's secret cannot be used: {0}")]
    Secret(#[from] SecretError),
    /// The secret does not suit the scheme.
    #[error("the endpoint's secret does not suit its scheme")]
    Key(#[from] WebhookConfigError),
}
