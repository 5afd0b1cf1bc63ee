//! The port of endpoints.

use std::future::Future;

use super::endpoint::Endpoint;
use super::issued::IssuedEndpoint;
use super::new_endpoint::NewEndpoint;
use crate::base::clock::{Clock as _, SystemClock, UnixMillis};
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
/// `tower_auth_sync::testing::endpoint_store_tests!` checks each point:
///
/// ```
/// # #[cfg(feature = "test-util")]
/// mod conformance {
///     use tower_auth_sync::outbox::MemoryOutbox;
///
///     tower_auth_sync::testing::endpoint_store_tests!(async || (MemoryOutbox::new(), ()));
/// }
/// ```
pub trait EndpointStore: Clone + Send + Sync + 'static {
    /// Registers an endpoint.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn create(
        &self,
        endpoint: NewEndpoint,
        now: UnixMillis,
    ) -> impl Future<Output = Result<Endpoint, StoreError>> + Send;

    /// Registers an endpoint now, and returns it with the text that its receiver needs. No other call
    /// shows that text. Stores use this implementation.
    ///
    /// ```
    /// use tower_auth_sync::outbox::{EndpointStore, MemoryOutbox, NewEndpoint};
    /// use tower_auth_sync::scheme::Scheme;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = MemoryOutbox::new();
    /// let new = NewEndpoint::generate("https://crm.example.com/webhooks/auth", Scheme::banata())?;
    /// let issued = store.issue(new).await?;
    /// println!("{}", issued.secret().reveal()); // whsec_…, this once
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn issue(
        &self,
        endpoint: NewEndpoint,
    ) -> impl Future<Output = Result<IssuedEndpoint, StoreError>> + Send {
        let secret = endpoint.issued_secret();
        let created = self.create(endpoint, SystemClock.now());
        async move { Ok(IssuedEndpoint::new(created.await?, secret)) }
    }

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
    ) -> impl Future<Output = Result<Option<Endpoint>, StoreError>> + Send;
}
