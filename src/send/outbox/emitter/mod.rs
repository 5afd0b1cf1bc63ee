//! The way into a store.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use super::erased::Outbox;
use super::message::{IdempotencyKey, Inserted, NewEvent};
use super::port::{OutboxConnection, OutboxStore};
use crate::base::clock::{Clock, SystemClock, UnixMillis};
use crate::base::entropy::{Entropy, SystemEntropy};
use crate::base::error::StoreError;
use crate::base::id::{InvalidId, MessageId, MessageIds};
use crate::wire::event::{AuthEvent, DecodeError, EventType, InvalidEventType};
use crate::wire::json::depth::{MAX_DEPTH, is_deeper};

/// Largest payload that is taken, envelope included: 256 KiB, Banata's limit.
pub const MAX_PAYLOAD: usize = 256 * 1024;

/// Stores events for delivery. Copies are cheap and share the store.
///
/// When a method returns `Ok`, the events are stored as durably as the store can; the request to
/// the endpoints is a worker's business. An event without an id gets one here, which is
/// also written into the payload, under the signature: `msg_` and a ULID, greater than every one
/// before that this emitter or a copy of it made, whatever the clock does. An event is taken only if
/// its [`resource`](AuthEvent::resource) decodes.
///
/// A future that is dropped may have stored all of its events or none.
#[derive(Clone)]
pub struct Emitter {
    store: Arc<dyn Outbox>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ids: Arc<MessageIds>,
}

impl Emitter {
    /// Creates an emitter that writes to `store`.
    #[must_use]
    pub fn new(store: impl OutboxStore) -> Self {
        Self {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            ids: Arc::default(),
        }
    }

    /// Sets the clock: it dates events that have no time, and deliveries. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets where the randomness of ids comes from. Default: [`SystemEntropy`].
    #[must_use]
    pub fn with_entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Stores an event and returns its id.
    ///
    /// An event that has an id is stored once: emitting it again returns the same id.
    ///
    /// # Errors
    ///
    /// [`EmitError`] if the event may not be sent or could not be stored.
    pub async fn emit(&self, event: AuthEvent) -> Result<MessageId, EmitError> {
        self.store_one(&event, None).await
    }

    /// Stores an event unless one was stored under this key before, and returns the id of the one
    /// that is there then.
    ///
    /// Under a key that is taken nothing is compared: the first event counts.
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit).
    pub async fn emit_once(
        &self,
        key: IdempotencyKey,
        event: AuthEvent,
    ) -> Result<MessageId, EmitError> {
        self.store_one(&event, Some(key)).await
    }

    /// Stores several events in one transaction and returns their ids in the same order.
    ///
    /// # Errors
    ///
    /// [`EmitError`] if one event may not be sent or they could not be stored: none is stored then.
    pub async fn emit_all(
        &self,
        events: impl IntoIterator<Item = AuthEvent>,
    ) -> Result<Vec<MessageId>, EmitError> {
        let sealed = self.seal_all(events)?;
        Ok(self.enqueue(sealed).await?)
    }

    /// Gives events their ids and writes them: what [`enqueue`](Self::enqueue) may be given more
    /// than once, and stores once.
    pub(crate) fn seal_all(
        &self,
        events: impl IntoIterator<Item = AuthEvent>,
    ) -> Result<Vec<NewEvent>, EmitError> {
        let now = self.clock.now();
        let sealed = events.into_iter().map(|it| self.seal(&it, None, now));
        sealed.collect()
    }

    /// Stores sealed events in one transaction and returns their ids in the same order.
    pub(crate) async fn enqueue(
        &self,
        sealed: Vec<NewEvent>,
    ) -> Result<Vec<MessageId>, StoreError> {
        if sealed.is_empty() {
            return Ok(Vec::new());
        }
        let inserted = self.store.enqueue(sealed, self.clock.now()).await?;
        Ok(inserted.iter().map(|one| one.id().clone()).collect())
    }

    /// Stores an event inside the transaction that is open on `connection`, and returns its id.
    ///
    /// The only way that a crash cannot lose: the event becomes lasting with the change that it
    /// tells of. Workers are not woken by it, since it counts only once the caller commits; they
    /// find it when they next look. On SQLite the transaction should have begun with
    /// `BEGIN IMMEDIATE`, or a second writer makes this fail at once.
    ///
    /// # Errors
    ///
    /// As for [`emit`](Self::emit).
    pub async fn emit_in(
        &self,
        connection: &mut impl OutboxConnection,
        event: AuthEvent,
    ) -> Result<MessageId, EmitError> {
        let now = self.clock.now();
        let sealed = self.seal(&event, None, now)?;
        let inserted = connection
            .enqueue(vec![sealed], now, &*self.entropy)
            .await?;
        only(inserted)
    }

    /// Finds out whether the store can be written to.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }

    #[cfg(feature = "emit")]
    pub(crate) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    async fn store_one(
        &self,
        event: &AuthEvent,
        key: Option<IdempotencyKey>,
    ) -> Result<MessageId, EmitError> {
        let now = self.clock.now();
        let sealed = self.seal(event, key, now)?;
        only(self.store.enqueue(vec![sealed], now).await?)
    }

    fn seal(
        &self,
        event: &AuthEvent,
        idempotency_key: Option<IdempotencyKey>,
        now: UnixMillis,
    ) -> Result<NewEvent, EmitError> {
        let event_type = event.event_type();
        if !event_type.is_well_formed() {
            return Err(EmitError::EventType(InvalidEventType));
        }
        if [event.data(), event.extra()]
            .into_iter()
            .any(|fields| is_deeper(fields, MAX_DEPTH))
        {
            return Err(EmitError::TooDeep);
        }
        event.resource().map_err(|cause| EmitError::Resource {
            event: event_type.clone(),
            cause,
        })?;
        let id = match event.id() {
            Some(id) => MessageId::new(id)?,
            None => self.ids.next(now, &*self.entropy),
        };
        let payload = event.to_payload(&id, now);
        if payload.len() > MAX_PAYLOAD {
            return Err(EmitError::PayloadTooLarge {
                actual: payload.len(),
            });
        }
        Ok(NewEvent {
            id,
            event_type: event_type.clone(),
            payload,
            idempotency_key,
        })
    }
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter")
            .field("clock", &self.clock)
            .field("entropy", &self.entropy)
            .finish_non_exhaustive()
    }
}

/// Why an event was not stored.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The event's name has characters that may not be sent.
    #[error("the event's name may not be sent")]
    EventType(#[source] InvalidEventType),
    /// The event's data is not the resource that its name promises: no receiver could take it.
    #[error("`{event}` may not be sent")]
    Resource {
        /// The event's name.
        event: EventType,
        /// Names the field that is missing or of a wrong type.
        #[source]
        cause: DecodeError,
    },
    /// The event has an id of its own that is not well-formed.
    #[error("the event's id may not be sent")]
    Id(#[from] InvalidId),
    /// The event's data is nested deeper than [`MAX_DEPTH`], so that not every receiver could read
    /// it.
    #[error("the event's data is nested deeper than {MAX_DEPTH} objects and arrays")]
    TooDeep,
    /// The payload is larger than [`MAX_PAYLOAD`].
    #[error("the payload has {actual} bytes; at most {MAX_PAYLOAD} are sent")]
    PayloadTooLarge {
        /// Its length in bytes.
        actual: usize,
    },
    /// The store failed.
    #[error("the event could not be stored")]
    Store(#[from] StoreError),
}

/// Takes the only answer.
fn only(inserted: Vec<Inserted>) -> Result<MessageId, EmitError> {
    match <[Inserted; 1]>::try_from(inserted) {
        Ok([one]) => Ok(one.id().clone()),
        Err(_) => Err(StoreError::corrupt("the store did not answer for each event").into()),
    }
}
