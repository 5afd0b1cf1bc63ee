//! The rows of the outbox.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as PlainError;

use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, MessageId};
use crate::queue::{AttemptNumber, LeaseToken};
use crate::send::outbox::{DeliveryLease, DeliveryWork, Endpoint, NewEvent};
use crate::store::sql::columns::unreadable;
use crate::wire::event::EventType;

/// A due delivery before its lease, with its event.
#[derive(sqlx::FromRow)]
pub(crate) struct DueRow {
    pub(super) id: String,
    pub(super) endpoint: i64,
    attempt: i64,
    fence: i64,
    pub(super) event_seq: i64,
    event: String,
    event_type: String,
    payload: Vec<u8>,
}

impl DueRow {
    /// Reads the lease that begins.
    pub(super) fn into_lease(
        self,
        endpoints: &HashMap<i64, Arc<Endpoint>>,
    ) -> Result<DeliveryLease, StoreError> {
        let attempt = u32::try_from(self.attempt).ok();
        let attempt = attempt.and_then(|n| n.checked_add(1));
        let attempt = attempt.and_then(AttemptNumber::new);
        let token = u64::try_from(self.fence).ok();
        let token = token.and_then(|n| n.checked_add(1));
        let endpoint = endpoints.get(&self.endpoint).map(Arc::clone);
        let event = NewEvent::new(
            MessageId::new(self.event).map_err(|_invalid| unreadable("tas_events.id"))?,
            event_type(&self.event_type)?,
            Bytes::from(self.payload),
        );
        Ok(DeliveryLease::new(
            DeliveryId::new(self.id).map_err(|_invalid| unreadable("tas_deliveries.id"))?,
            LeaseToken::new(token.ok_or_else(|| unreadable("tas_deliveries.fence"))?),
            attempt.ok_or_else(|| unreadable("tas_deliveries.attempt"))?,
            DeliveryWork::new(
                event,
                endpoint.ok_or_else(|| unreadable("tas_deliveries.endpoint"))?,
            ),
        ))
    }
}

/// Reads a name as a receiver does, so that every stored name can be sent.
fn event_type(name: &str) -> Result<EventType, StoreError> {
    EventType::deserialize(name.into_deserializer())
        .map_err(|_: PlainError| unreadable("tas_events.type"))
}

/// The enabled or the disabled endpoints with one filter.
#[derive(sqlx::FromRow)]
pub(crate) struct FilterRow {
    pub(super) filter_utf8: Vec<u8>,
    pub(super) enabled: bool,
    /// A JSON array of numbers.
    pub(super) endpoints: String,
}
