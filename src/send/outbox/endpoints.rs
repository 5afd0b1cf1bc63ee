//! Erased handle to a registry of endpoints.

use std::fmt;
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::endpoint_store::EndpointStore;
use super::issued::IssuedEndpoint;
use super::new_endpoint::NewEndpoint;
use crate::base::actor::Actor;
use crate::base::clock::{Clock, SystemClock, UnixMillis};
use crate::base::erased::erased;
use crate::base::error::StoreError;
use crate::base::id::EndpointId;

/// Erased handle to a registry of endpoints, for administrators. Clones are cheap and share the
/// store.
///
/// ```
/// use tower_auth_sync::actor::Actor;
/// use tower_auth_sync::outbox::{Endpoints, MemoryOutbox, NewEndpoint};
/// use tower_auth_sync::scheme::Scheme;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let endpoints = Endpoints::new(MemoryOutbox::new());
/// let new = NewEndpoint::generate("https://crm.example.com/webhooks/auth", Scheme::banata())?;
/// let issued = endpoints.create(new).await?;
/// println!("{}", issued.secret().reveal()); // whsec_…, this once
///
/// let ada = endpoints.acting_as(Actor::new("operator ada")?);
/// let disabled = ada.disable(&issued.endpoint().id).await?.expect("it exists");
/// assert!(!disabled.status.is_enabled());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Endpoints {
    store: Arc<dyn DynEndpointStore>,
    clock: Arc<dyn Clock>,
    actor: Actor,
}

impl Endpoints {
    /// Creates a handle to `store`.
    #[must_use]
    pub fn new(store: impl EndpointStore) -> Self {
        Self {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            actor: Actor::system(),
        }
    }

    /// Sets the clock, which dates changes. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets who makes the changes through this handle. Default: [`Actor::system`].
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self {
            actor,
            ..self.clone()
        }
    }

    /// Registers an endpoint, and returns it with the text that its receiver needs. No other call
    /// shows that text.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn create(&self, endpoint: NewEndpoint) -> Result<IssuedEndpoint, StoreError> {
        let secret = endpoint.issued_secret();
        let now = self.clock.now();
        let created = self.store.create(endpoint, &self.actor, now).await?;
        Ok(IssuedEndpoint::new(created, secret))
    }

    /// Returns an endpoint; `None` if no endpoint has this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn get(&self, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
        self.store.get(id).await
    }

    /// Returns all endpoints, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn list(&self) -> Result<Vec<Endpoint>, StoreError> {
        self.store.list().await
    }

    /// Disables an endpoint, cancels its pending deliveries, and returns the disabled endpoint;
    /// `None` if no endpoint has this id.
    ///
    /// A worker may still send a delivery that it has leased, and the store records a success; no
    /// retry follows.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn disable(&self, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
        self.store.disable(id, &self.actor, self.clock.now()).await
    }

    /// Enables an endpoint, with a good health, and returns the enabled endpoint; `None` if no
    /// endpoint has this id. Cancelled and skipped deliveries stay as they are.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn enable(&self, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
        self.store.enable(id, &self.actor, self.clock.now()).await
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints")
            .field("actor", &self.actor)
            .finish_non_exhaustive()
    }
}

erased! {
    /// [`EndpointStore`] as an object.
    trait DynEndpointStore: EndpointStore;
    async EndpointStore::create(endpoint: NewEndpoint, actor: &'a Actor, now: UnixMillis) -> Result<Endpoint, StoreError>;
    async EndpointStore::get(id: &'a EndpointId) -> Result<Option<Endpoint>, StoreError>;
    async EndpointStore::list() -> Result<Vec<Endpoint>, StoreError>;
    async EndpointStore::disable(id: &'a EndpointId, actor: &'a Actor, now: UnixMillis) -> Result<Option<Endpoint>, StoreError>;
    async EndpointStore::enable(id: &'a EndpointId, actor: &'a Actor, now: UnixMillis) -> Result<Option<Endpoint>, StoreError>;
}
