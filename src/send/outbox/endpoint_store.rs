//! The port of endpoints.

use std::future::Future;

use super::endpoint::Endpoint;
use super::new_endpoint::NewEndpoint;
use crate::base::actor::Actor;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::EndpointId;

/// A registry of endpoints: the administrator's port.
///
/// # Contract
///
/// 1. [`create`](Self::create) gives each endpoint an id of its own.
/// 2. An endpoint gets the events that are stored after `create` has returned, by any handle or
///    process: a store may cache endpoints, but stores no event by an outdated one. The same holds
///    for every other change.
/// 3. After [`disable`](Self::disable) has returned, no delivery of the endpoint is leased, its
///    pending deliveries are cancelled and new events are skipped. Disabling a disabled endpoint
///    changes nothing.
/// 4. [`enable`](Self::enable) gives the endpoint a good health; cancelled and skipped deliveries
///    stay as they are. Enabling an enabled endpoint changes nothing.
/// 5. [`list`](Self::list) returns all endpoints, oldest first.
///
/// Who makes a change, the [`Actor`], is for a store that keeps it beside the change.
///
/// A store of your own may wrap another one:
///
/// ```
/// use tower_auth_sync::StoreError;
/// use tower_auth_sync::actor::Actor;
/// use tower_auth_sync::clock::UnixMillis;
/// use tower_auth_sync::id::EndpointId;
/// use tower_auth_sync::outbox::{Endpoint, EndpointStore, Endpoints, MemoryOutbox, NewEndpoint};
///
/// struct Logged(MemoryOutbox);
///
/// impl EndpointStore for Logged {
///     async fn create(&self, endpoint: NewEndpoint, actor: &Actor, now: UnixMillis) -> Result<Endpoint, StoreError> {
///         let created = self.0.create(endpoint, actor, now).await?;
///         println!("{actor} created {}", created.id);
///         Ok(created)
///     }
///
///     async fn get(&self, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
///         self.0.get(id).await
///     }
///
///     async fn list(&self) -> Result<Vec<Endpoint>, StoreError> {
///         self.0.list().await
///     }
///
///     async fn disable(&self, id: &EndpointId, actor: &Actor, now: UnixMillis) -> Result<Option<Endpoint>, StoreError> {
///         self.0.disable(id, actor, now).await
///     }
///
///     async fn enable(&self, id: &EndpointId, actor: &Actor, now: UnixMillis) -> Result<Option<Endpoint>, StoreError> {
///         self.0.enable(id, actor, now).await
///     }
/// }
///
/// let endpoints = Endpoints::new(Logged(MemoryOutbox::new()));
/// ```
///
/// `tower_auth_sync::testing::endpoint_store_tests!` checks each point. It takes the handles of one
/// store: a reference to a store of this crate becomes them, and `OutboxPorts::new` takes those of a
/// store of your own.
///
/// ```
/// # #[cfg(feature = "test-util")]
/// mod conformance {
///     use tower_auth_sync::outbox::{Deliveries, Endpoints, MemoryOutbox, Outbox};
///     use tower_auth_sync::testing::{OutboxPorts, endpoint_store_tests};
///
///     endpoint_store_tests!(async || {
///         let store = MemoryOutbox::new(); // your store
///         let outbox = Outbox::new(store.clone());
///         let endpoints = Endpoints::new(store.clone());
///         (OutboxPorts::new(outbox, endpoints, Deliveries::new(store)), ())
///     });
/// }
/// ```
pub trait EndpointStore: Send + Sync + 'static {
    /// Registers an endpoint.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn create(
        &self,
        endpoint: NewEndpoint,
        actor: &Actor,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Endpoint, StoreError>> + Send;

    /// Returns an endpoint; `None` if no endpoint has this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn get(
        &self,
        id: &EndpointId,
    ) -> impl Future<Output = Result<Option<Endpoint>, StoreError>> + Send;

    /// Returns all endpoints, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn list(&self) -> impl Future<Output = Result<Vec<Endpoint>, StoreError>> + Send;

    /// Disables an endpoint for the operator and returns the disabled endpoint; `None` if no endpoint
    /// has this id.
    ///
    /// A worker may still send a delivery that it has leased, and the store records a success; no
    /// retry follows.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn disable(
        &self,
        id: &EndpointId,
        actor: &Actor,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Option<Endpoint>, StoreError>> + Send;

    /// Enables an endpoint and returns the enabled endpoint; `None` if no endpoint has this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn enable(
        &self,
        id: &EndpointId,
        actor: &Actor,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Option<Endpoint>, StoreError>> + Send;
}
