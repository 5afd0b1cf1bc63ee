//! Who gets events.

use std::fmt;

use url::Url;

use super::health::Health;
use crate::base::clock::UnixMillis;
use crate::base::id::EndpointId;
use crate::base::secret::{Secret, SecretError};
use crate::http::egress::{EgressError, EgressPolicy};
use crate::queue::text_enum;
use crate::wire::event::EventFilter;
use crate::wire::scheme::Scheme;
use crate::wire::signature::{Signer, WebhookConfigError};

/// An endpoint that is to be registered.
///
/// ```
/// use tower_auth_sync::outbox::NewEndpoint;
/// use tower_auth_sync::egress::EgressPolicy;
/// use tower_auth_sync::scheme::Scheme;
///
/// let endpoint = NewEndpoint::new(
///     "https://crm.example.com/webhooks/auth",
///     Scheme::banata(),
///     "whsec_a-demonstration-key-of-enough-bytes",
///     &EgressPolicy::public(),
/// )?
/// .with_filter("user.*, session.revoked".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an endpoint gets nothing until `EndpointStore::create` took it"]
#[derive(Clone)]
pub struct NewEndpoint {
    url: Url,
    scheme: Scheme,
    secret: Secret,
    filter: EventFilter,
}

impl NewEndpoint {
    /// Describes an endpoint that gets every event.
    ///
    /// `egress` should be the worker's policy: what it refuses here would be refused at every
    /// attempt.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] if the URL does not parse or may not be called, if the scheme is no
    /// preset, or if the secret does not suit the scheme.
    pub fn new<S>(
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
            scheme,
            secret,
            filter: EventFilter::all(),
        })
    }

    /// Sets which events it gets. Default: all.
    pub fn with_filter(mut self, filter: EventFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Makes the endpoint, enabled; for stores.
    #[must_use]
    pub fn into_endpoint(self, id: EndpointId, now: UnixMillis) -> Endpoint {
        Endpoint {
            id,
            url: self.url,
            scheme: self.scheme,
            secrets: EndpointSecrets::new(self.secret),
            filter: self.filter,
            status: EndpointStatus::Enabled,
            health: Health::GOOD,
            created_at: now,
        }
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
    /// The scheme is none of the presets, whose names are what a store keeps.
    #[error("an endpoint's scheme must be one of the presets")]
    Scheme,
    /// The text is no secret.
    #[error("the endpoint's secret cannot be used: {0}")]
    Secret(#[from] SecretError),
    /// The secret does not suit the scheme.
    #[error("the endpoint's secret does not suit its scheme")]
    Key(#[from] WebhookConfigError),
}

/// A registered endpoint.
#[expect(
    clippy::exhaustive_structs,
    reason = "stores outside this crate make it"
)]
#[derive(Clone)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Where requests go.
    pub url: Url,
    /// How they are signed: one of the presets.
    pub scheme: Scheme,
    /// With what they are signed.
    pub secrets: EndpointSecrets,
    /// Which events it gets.
    pub filter: EventFilter,
    /// Whether it gets any.
    pub status: EndpointStatus,
    /// What it did since its last success.
    pub health: Health,
    /// When it was registered.
    pub created_at: UnixMillis,
}

impl Endpoint {
    /// Returns what signs an attempt at `now`, with the secrets that are valid then, as
    /// [`Signer::new`] says.
    ///
    /// # Errors
    ///
    /// [`WebhookConfigError`] if a stored secret no longer suits the scheme.
    pub fn signer(&self, now: UnixMillis) -> Result<Signer, WebhookConfigError> {
        Signer::new(self.scheme.clone(), self.secrets.valid_at(now).cloned())
    }
}

/// Shows the URL's host only: its path may hold a token.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("host", &self.url.host_str())
            .field("scheme", &self.scheme.name())
            .field("filter", &self.filter)
            .field("status", &self.status)
            .field("health", &self.health)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// The secrets of one endpoint: the current one, and for a while the one before it.
///
/// # Security
///
/// The stores of this version keep secrets as they are: whoever can read the database can sign.
#[expect(
    clippy::exhaustive_structs,
    reason = "stores outside this crate make it"
)]
#[derive(Clone, Debug)]
pub struct EndpointSecrets {
    /// Signs every attempt, unless the scheme's readers take one signature and the previous secret
    /// signs: see [`Scheme`](Scheme#which-secrets-sign-during-an-overlap).
    pub current: Secret,
    /// Signs too, until its end, or alone.
    pub previous: Option<PreviousSecret>,
}

/// A secret that was replaced.
#[expect(
    clippy::exhaustive_structs,
    reason = "stores outside this crate make it"
)]
#[derive(Clone, Debug)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: Secret,
    /// From this time on it signs nothing.
    pub not_after: UnixMillis,
}

impl EndpointSecrets {
    /// Takes a secret that has no predecessor.
    #[must_use]
    pub const fn new(current: Secret) -> Self {
        Self {
            current,
            previous: None,
        }
    }

    /// Returns the secrets that sign at `now`, the current one first.
    pub fn valid_at(&self, now: UnixMillis) -> impl Iterator<Item = &Secret> {
        let previous = self.previous.iter().filter(move |old| now < old.not_after);
        std::iter::once(&self.current).chain(previous.map(|old| &old.secret))
    }
}

/// Whether an endpoint gets events.
#[expect(
    clippy::exhaustive_enums,
    reason = "an endpoint is either enabled or it is not"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndpointStatus {
    /// It does.
    Enabled,
    /// It does not; its events are kept as skipped deliveries.
    Disabled {
        /// Since when.
        at: UnixMillis,
        /// Why.
        because: DisabledBecause,
    },
}

impl EndpointStatus {
    /// Returns whether the endpoint gets events.
    #[must_use]
    pub const fn is_enabled(self) -> bool {
        matches!(self, Self::Enabled)
    }
}

text_enum! {
    /// Why an endpoint is disabled.
    #[non_exhaustive]
    DisabledBecause {
        /// An operator wanted it.
        Operator = "operator",
        /// It answered 410.
        Gone = "gone",
        /// It failed for too long.
        Failing = "failing",
        /// What the store holds of it cannot be read, for example because another version of this
        /// crate wrote it. To be repaired there before it is enabled.
        Unreadable = "unreadable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";
    const URL: &str = "https://hooks.example.com/T0KEN?key=abc";

    fn new(url: &str, secret: &str) -> Result<NewEndpoint, EndpointError> {
        NewEndpoint::new(url, Scheme::banata(), secret, &EgressPolicy::public())
    }

    #[test]
    fn an_endpoint_that_may_not_be_called_or_cannot_sign_is_refused() {
        assert!(new(URL, SECRET).is_ok());
        assert!(matches!(new("nowhere", SECRET), Err(EndpointError::Url(_))));
        for url in [
            "http://hooks.example.com/",
            "https://10.0.0.1/",
            "https://u:p@example.com/",
        ] {
            assert!(
                matches!(new(url, SECRET), Err(EndpointError::Egress(_))),
                "{url}"
            );
        }
        assert!(matches!(
            new(URL, "whsec_short"),
            Err(EndpointError::Key(_))
        ));
        assert!(matches!(new(URL, "line\n"), Err(EndpointError::Secret(_))));
    }

    #[test]
    fn debug_shows_neither_the_path_nor_the_secret() {
        let new = new(URL, SECRET).unwrap();
        let endpoint = new
            .clone()
            .into_endpoint(EndpointId::new("we_1").unwrap(), UnixMillis::EPOCH);
        for shown in [format!("{new:?}"), format!("{endpoint:?}")] {
            assert!(shown.contains("hooks.example.com"));
            assert!(
                !shown.contains("T0KEN") && !shown.contains("abc"),
                "{shown}"
            );
        }
    }

    #[test]
    fn the_previous_secret_signs_until_its_end() {
        let secret = |text: &str| Secret::new(text).unwrap();
        let secrets = EndpointSecrets {
            current: secret(SECRET),
            previous: Some(PreviousSecret {
                secret: secret("whsec_fedcba9876543210fedcba9876543210"),
                not_after: UnixMillis::from_millis(10),
            }),
        };
        assert_eq!(secrets.valid_at(UnixMillis::from_millis(9)).count(), 2);
        assert_eq!(secrets.valid_at(UnixMillis::from_millis(10)).count(), 1);
    }
}
