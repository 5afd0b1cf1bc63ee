//! Events to store.

use std::fmt;

use bytes::Bytes;

use crate::base::id::MessageId;
use crate::wire::event::EventType;

/// An event to store: every attempt sends its payload byte for byte.
///
/// ```
/// use bytes::Bytes;
/// use tower_auth_sync::event::EventType;
/// use tower_auth_sync::id::MessageId;
/// use tower_auth_sync::outbox::{IdempotencyKey, NewEvent};
///
/// let event = NewEvent::new(MessageId::new("msg_1")?, EventType::UserCreated, Bytes::from_static(b"{}"))
///     .with_idempotency_key(IdempotencyKey::new("sign-up usr_1")?);
/// assert_eq!(event.event_type, EventType::UserCreated);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[non_exhaustive]
#[derive(Clone)]
pub struct NewEvent {
    /// The message id of every attempt.
    pub id: MessageId,
    /// The name, which endpoints filter by.
    pub event_type: EventType,
    /// The request's body.
    pub payload: Bytes,
    /// The key under which the event is stored once.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl NewEvent {
    /// Makes an event without an idempotency key.
    #[must_use]
    pub const fn new(id: MessageId, event_type: EventType, payload: Bytes) -> Self {
        Self {
            id,
            event_type,
            payload,
            idempotency_key: None,
        }
    }

    /// Sets the key under which the event is stored once. Default: none.
    #[must_use]
    pub fn with_idempotency_key(self, key: IdempotencyKey) -> Self {
        Self {
            idempotency_key: Some(key),
            ..self
        }
    }
}

/// Shows the payload's length only.
impl fmt::Debug for NewEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewEvent")
            .field("id", &self.id)
            .field("event_type", &self.event_type.as_str())
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// Result of storing an event.
#[expect(
    clippy::exhaustive_enums,
    reason = "an event is either new or it is not"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Inserted {
    /// The store has a new event.
    New {
        /// The event's id.
        id: MessageId,
        /// The number of pending deliveries; skipped ones are not counted.
        deliveries: usize,
    },
    /// The store had an event with this id or idempotency key and stored nothing.
    Duplicate {
        /// The id of the stored event.
        id: MessageId,
    },
}

impl Inserted {
    /// Returns the id of the stored event.
    #[must_use]
    pub const fn id(&self) -> &MessageId {
        match self {
            Self::New { id, .. } | Self::Duplicate { id } => id,
        }
    }
}

/// A caller's key for one thing that happened: emitting under the same key again stores nothing.
///
/// The store keeps a key as long as its event: 30 days beyond the end of the last delivery, unless
/// the worker has another [retention]. Later the same key makes a new event.
///
/// ```
/// use tower_auth_sync::outbox::IdempotencyKey;
///
/// let key = IdempotencyKey::new("sign-up usr_1")?;
/// assert_eq!(key.as_str(), "sign-up usr_1");
/// # Ok::<(), tower_auth_sync::outbox::InvalidIdempotencyKey>(())
/// ```
///
/// [retention]: super::port::OutboxStore::prune
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// Takes a key.
    ///
    /// # Errors
    ///
    /// [`InvalidIdempotencyKey`] unless it has 1 to 255 bytes and no control character.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, InvalidIdempotencyKey> {
        let text = text.into();
        if (1..=MAX_KEY).contains(&text.len()) && !text.contains(char::is_control) {
            Ok(Self(text))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that cannot be an idempotency key.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an idempotency key has 1 to 255 bytes and no control character")]
pub struct InvalidIdempotencyKey;

/// Stripe's limit.
const MAX_KEY: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_not_shown() {
        let id = MessageId::new("msg_1").unwrap();
        let payload = Bytes::from_static(b"{\"email\":\"ada@example.com\"}");
        let event = NewEvent::new(id, EventType::UserCreated, payload);
        assert!(!format!("{event:?}").contains("ada"));
    }

    #[test]
    fn an_idempotency_key_is_a_short_printable_text() {
        for text in ["", "a\nb", "a\0", &"k".repeat(256)] {
            assert_eq!(IdempotencyKey::new(text), Err(InvalidIdempotencyKey));
        }
        assert!(IdempotencyKey::new("order 17/ä").is_ok());
        assert!(IdempotencyKey::new("k".repeat(255)).is_ok());
    }
}
