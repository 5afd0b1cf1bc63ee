//! The log of deliveries: its port and the erased handle.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::record::{Attempt, Delivery};
use crate::base::erased::erased;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, MessageId};

/// Reads the log of deliveries.
///
/// A store of your own may wrap another one:
///
/// ```
/// use tower_auth_sync::StoreError;
/// use tower_auth_sync::id::{DeliveryId, MessageId};
/// use tower_auth_sync::outbox::{Attempt, Deliveries, Delivery, DeliveryLog, MemoryOutbox};
///
/// struct Logged(MemoryOutbox);
///
/// impl DeliveryLog for Logged {
///     async fn of_event(&self, event: &MessageId) -> Result<Vec<Delivery>, StoreError> {
///         println!("somebody reads {event}");
///         self.0.of_event(event).await
///     }
///
///     async fn attempts(&self, delivery: &DeliveryId) -> Result<Vec<Attempt>, StoreError> {
///         self.0.attempts(delivery).await
///     }
/// }
///
/// let deliveries = Deliveries::new(Logged(MemoryOutbox::new()));
/// ```
pub trait DeliveryLog: Send + Sync + 'static {
    /// Returns the deliveries of an event, in the order of their ids; none if no event has this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn of_event(
        &self,
        event: &MessageId,
    ) -> impl Future<Output = Result<Vec<Delivery>, StoreError>> + Send;

    /// Returns the recorded attempts of a delivery, oldest first, without those of workers that died.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    fn attempts(
        &self,
        delivery: &DeliveryId,
    ) -> impl Future<Output = Result<Vec<Attempt>, StoreError>> + Send;
}

/// Erased handle to a log of deliveries, for dashboards and tests. Clones are cheap and share the
/// store.
///
/// ```
/// use tower_auth_sync::StoreError;
/// use tower_auth_sync::id::MessageId;
/// use tower_auth_sync::outbox::Deliveries;
///
/// async fn print(deliveries: &Deliveries, event: &MessageId) -> Result<(), StoreError> {
///     for delivery in deliveries.of_event(event).await? {
///         println!("{}: {} after {} attempts", delivery.id, delivery.state, delivery.attempts);
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Deliveries(Arc<dyn DynDeliveryLog>);

impl Deliveries {
    /// Creates a handle to `log`.
    #[must_use]
    pub fn new(log: impl DeliveryLog) -> Self {
        Self(Arc::new(log))
    }

    /// Returns the deliveries of an event, in the order of their ids; none if no event has this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn of_event(&self, event: &MessageId) -> Result<Vec<Delivery>, StoreError> {
        self.0.of_event(event).await
    }

    /// Returns the recorded attempts of a delivery, oldest first, without those of workers that died.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn attempts(&self, delivery: &DeliveryId) -> Result<Vec<Attempt>, StoreError> {
        self.0.attempts(delivery).await
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deliveries(..)")
    }
}

erased! {
    /// [`DeliveryLog`] as an object.
    trait DynDeliveryLog: DeliveryLog;
    async DeliveryLog::of_event(event: &'a MessageId) -> Result<Vec<Delivery>, StoreError>;
    async DeliveryLog::attempts(delivery: &'a DeliveryId) -> Result<Vec<Attempt>, StoreError>;
}
