//! The receivers of events.

use std::fmt;

use url::Url;

use super::health::Health;
use crate::base::clock::UnixMillis;
use crate::base::id::EndpointId;
use crate::base::secret::Secret;
use crate::queue::text_enum;
use crate::wire::event::EventFilter;
use crate::wire::scheme::Scheme;
use crate::wire::signature::{Signer, WebhookConfigError};

/// A registered endpoint.
#[non_exhaustive]
#[derive(Clone)]
pub struct Endpoint {
    /// The endpoint's id.
    pub id: EndpointId,
    /// The URL that requests go to.
    pub url: Url,
    /// The scheme that signs requests: one of the presets.
    pub scheme: Scheme,
    /// The secrets that sign requests.
    pub secrets: EndpointSecrets,
    /// The events that the endpoint gets.
    pub filter: EventFilter,
    /// Whether the endpoint gets events.
    pub status: EndpointStatus,
    /// The failures since the last success.
    pub health: Health,
    /// The time of registration.
    pub created_at: UnixMillis,
}

impl Endpoint {
    /// Makes an endpoint from what a store holds: enabled, in good health, for every event. Set
    /// what differs with the setters; a store has to pass all that it holds.
    ///
    /// ```
    /// use tower_auth_sync::clock::UnixMillis;
    /// use tower_auth_sync::id::EndpointId;
    /// use tower_auth_sync::outbox::{Endpoint, EndpointSecrets};
    /// use tower_auth_sync::scheme::Scheme;
    /// use tower_auth_sync::secret::Secret;
    ///
    /// let secret = Secret::verbatim("whsec_a-demonstration-key-of-enough-bytes")?;
    /// let endpoint = Endpoint::from_stored(
    ///     EndpointId::new("we_1")?,
    ///     "https://crm.example.com/webhooks/auth".parse()?,
    ///     Scheme::banata(),
    ///     EndpointSecrets::new(secret),
    ///     UnixMillis::EPOCH,
    /// )
    /// .with_filter("user.*".parse()?);
    /// assert!(endpoint.status.is_enabled());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn from_stored(
        id: EndpointId,
        url: Url,
        scheme: Scheme,
        secrets: EndpointSecrets,
        created_at: UnixMillis,
    ) -> Self {
        Self {
            id,
            url,
            scheme,
            secrets,
            filter: EventFilter::all(),
            status: EndpointStatus::Enabled,
            health: Health::GOOD,
            created_at,
        }
    }

    /// Sets the events that the endpoint gets. Default: all.
    #[must_use]
    pub fn with_filter(self, filter: EventFilter) -> Self {
        Self { filter, ..self }
    }

    /// Sets whether the endpoint gets events. Default: [`EndpointStatus::Enabled`].
    #[must_use]
    pub fn with_status(self, status: EndpointStatus) -> Self {
        Self { status, ..self }
    }

    /// Sets the failures since the last success. Default: [`Health::GOOD`].
    #[must_use]
    pub fn with_health(self, health: Health) -> Self {
        Self { health, ..self }
    }

    /// Returns the signer of an attempt at `now`, with the secrets that are valid then, as
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

/// The secrets of one endpoint: the current one, and for a while the previous one.
///
/// # Security
///
/// The stores of this version keep secrets as they are: whoever can read the database can sign.
///
/// ```
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::outbox::{EndpointSecrets, PreviousSecret};
/// use tower_auth_sync::secret::Secret;
///
/// let ends = UnixMillis::from_millis(1_750_000_000_000);
/// let previous = PreviousSecret::new(Secret::generate(), ends);
/// let secrets = EndpointSecrets::new(Secret::generate()).with_previous(previous);
/// assert_eq!(secrets.valid_at(ends).count(), 1);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct EndpointSecrets {
    /// The secret that signs every attempt. Where the scheme's readers take one signature and the
    /// previous secret signs, this one waits: see
    /// [`Scheme`](Scheme#which-secrets-sign-during-an-overlap).
    pub current: Secret,
    /// The secret that signs too, or alone, until its end.
    pub previous: Option<PreviousSecret>,
}

impl EndpointSecrets {
    /// Takes a secret without a predecessor.
    #[must_use]
    pub const fn new(current: Secret) -> Self {
        Self {
            current,
            previous: None,
        }
    }

    /// Sets the replaced secret. Default: none.
    #[must_use]
    pub fn with_previous(self, previous: PreviousSecret) -> Self {
        Self {
            previous: Some(previous),
            ..self
        }
    }

    /// Returns the secrets that sign at `now`, the current one first.
    pub fn valid_at(&self, now: UnixMillis) -> impl Iterator<Item = &Secret> {
        let previous = self.previous.iter().filter(move |old| now < old.not_after);
        std::iter::once(&self.current).chain(previous.map(|old| &old.secret))
    }
}

/// A replaced secret.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct PreviousSecret {
    /// The secret.
    pub secret: Secret,
    /// The time from which the secret signs nothing.
    pub not_after: UnixMillis,
}

impl PreviousSecret {
    /// Takes a secret that signs until `not_after`.
    #[must_use]
    pub const fn new(secret: Secret, not_after: UnixMillis) -> Self {
        Self { secret, not_after }
    }
}

/// Whether an endpoint gets events.
#[expect(
    clippy::exhaustive_enums,
    reason = "an endpoint is either enabled or it is not"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndpointStatus {
    /// The endpoint gets events.
    Enabled,
    /// The endpoint gets no events; the store keeps them as skipped deliveries.
    Disabled {
        /// The time since when.
        at: UnixMillis,
        /// The reason.
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
        /// An operator disabled it.
        Operator = "operator",
        /// It responded 410.
        Gone = "gone",
        /// It failed for too long.
        Failing = "failing",
        /// The store cannot read its row, for example because another version of this crate wrote
        /// it. Repair the row before you enable the endpoint.
        Unreadable = "unreadable",
    }
}
