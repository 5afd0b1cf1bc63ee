//! The emitter: the way into a store.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use super::message::{IdempotencyKey, Inserted, NewEvent};
use super::port::{OutboxConnection, OutboxStore};
use crate::base::clock::{Clock, SystemClock, UnixMillis};
use crate::base::entropy::{Entropy, SystemEntropy};
use crate::base::error::StoreError;
use crate::base::id::{InvalidId, MessageId, MessageIds};
use crate::send::outbox::handle::Outbox;
use crate::wire::event::{AuthEvent, DecodeError, EventType, InvalidEventType};
use crate::wire::json::depth::{MAX_DEPTH, is_deeper};

/// Stores events for delivery. Clones are cheap and share the store.
///
/// When a method returns `Ok`, the events are stored as durably as the store can; a worker sends the
/// requests. An event without an id gets one here, also in the payload, under the signature: `msg_`
/// and a ULID, greater than every earlier one of this emitter and its clones, whatever the clock does.
/// The emitter takes an event only if its [`resource`](AuthEvent::resource) decodes.
///
/// A dropped future may have stored all of its events or none.
///
/// ```
/// use tower_auth_sync::event::{AuthEvent, User};
/// use tower_auth_sync::outbox::{Emitter, MemoryOutbox};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_auth_sync::outbox::EmitError> {
/// let emitter = Emitter::new(MemoryOutbox::new());
/// let id = emitter.emit(AuthEvent::user_created(&User::new("usr_1"))).await?;
/// assert!(id.as_str().starts_with("msg_"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Emitter {
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ids: Arc<MessageIds>,
}

impl Emitter {
    /// Creates an emitter that writes to `outbox`: a store of this crate, or
    /// [`Outbox::new`] of your own.
    #[must_use]
    pub fn new(outbox: impl Into<Outbox>) -> Self {
        Self {
            outbox: outbox.into(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            ids: Arc::default(),
        }
    }

    /// Sets the clock, which dates deliveries and events without a time. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the randomness of ids. Default: [`SystemEntropy`].
    #[must_use]
    pub fn with_entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Stores an event and returns its id.
    ///
    /// The store keeps an event with an id once: emitting it again returns the same id.
    ///
    /// # Errors
    ///
    /// [`EmitError`] if the event may not be sent or could not be stored.
    pub async fn emit(&self, event: AuthEvent) -> Result<MessageId, EmitError> {
        self.store_one(&event, None).await
    }

    /// Stores an event unless the store has one under this key, and returns the id of the stored one.
    ///
    /// The store does not compare events of one key: the first counts.
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
    /// [`EmitError`] if one event may not be sent or they could not be stored; then none is stored.
    pub async fn emit_all(
        &self,
        events: impl IntoIterator<Item = AuthEvent>,
    ) -> Result<Vec<MessageId>, EmitError> {
        let sealed = self.seal_all(events)?;
        Ok(self.enqueue(sealed).await?)
    }

    /// Gives events their ids and writes their payloads. [`enqueue`](Self::enqueue) stores sealed
    /// events once, even if it is called twice.
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
        let inserted = self.outbox.enqueue(sealed, self.clock.now()).await?;
        Ok(inserted.iter().map(|one| one.id().clone()).collect())
    }

    /// Stores an event inside the transaction that is open on `connection`, and returns its id.
    ///
    /// The only way without loss in a crash: one commit makes the change and its event durable. It
    /// notifies no worker, since the event counts only after the caller's commit; workers find it at
    /// their next poll. On SQLite begin the transaction with `BEGIN IMMEDIATE`, or a second writer
    /// makes this fail at once.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")] {
    /// use sqlx::SqlitePool;
    /// use tower_auth_sync::event::{AuthEvent, User};
    /// use tower_auth_sync::outbox::Emitter;
    ///
    /// # async fn example(pool: SqlitePool, emitter: Emitter) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    /// // … change the user in the same transaction …
    /// let event = AuthEvent::user_created(&User::new("usr_1"));
    /// emitter.emit_in(&mut *transaction, event).await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// # }
    /// ```
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

    /// Checks that the store can be written to.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if it cannot.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.outbox.ping().await
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
        only(self.outbox.enqueue(vec![sealed], now).await?)
    }

    fn seal(
        &self,
        event: &AuthEvent,
        key: Option<IdempotencyKey>,
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
        let new = NewEvent::new(id, event_type.clone(), payload);
        Ok(match key {
            Some(key) => new.with_idempotency_key(key),
            None => new,
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
    /// The event's data is not the resource that its name promises: no receiver could decode it.
    #[error("`{event}` may not be sent")]
    Resource {
        /// The event's name.
        event: EventType,
        /// Names the field that is missing or of a wrong type.
        #[source]
        cause: DecodeError,
    },
    /// The event's own id is not well-formed.
    #[error("the event's id may not be sent")]
    Id(#[from] InvalidId),
    /// The event's data is nested deeper than [`MAX_DEPTH`]: not every receiver could read it.
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

/// Returns the only result.
fn only(inserted: Vec<Inserted>) -> Result<MessageId, EmitError> {
    match <[Inserted; 1]>::try_from(inserted) {
        Ok([one]) => Ok(one.id().clone()),
        Err(_) => {
            Err(StoreError::corrupt("the store did not return one result for each event").into())
        }
    }
}

/// Limit of a payload, envelope included: 256 KiB, as in Banata.
pub const MAX_PAYLOAD: usize = 256 * 1024;
