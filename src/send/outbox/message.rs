//! Events on their way into a store.

use std::fmt;

use bytes::Bytes;

use crate::base::id::MessageId;
use crate::wire::event::EventType;

/// An event that is to be stored: what every attempt will send, byte for byte.
#[expect(
    clippy::exhaustive_structs,
    reason = "stores outside this crate read it, tests make it"
)]
#[derive(Clone)]
pub struct NewEvent {
    /// Travels with every attempt.
    pub id: MessageId,
    /// Decides which endpoints get it.
    pub event_type: EventType,
    /// The request's body.
    pub payload: Bytes,
    /// Makes storing it again harmless.
    pub idempotency_key: Option<IdempotencyKey>,
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

/// What became of an event that was to be stored.
#[expect(
    clippy::exhaustive_enums,
    reason = "an event is either new or it is not"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Inserted {
    /// It was stored.
    New {
        /// Its id.
        id: MessageId,
        /// How many endpoints it is to be delivered to; skipped ones are not counted.
        deliveries: usize,
    },
    /// An event with this id or this idempotency key is there already; nothing was stored.
    Duplicate {
        /// The id of the event that is there.
        id: MessageId,
    },
}

impl Inserted {
    /// Returns the id under which the event is stored.
    #[must_use]
    pub const fn id(&self) -> &MessageId {
        match self {
            Self::New { id, .. } | Self::Duplicate { id } => id,
        }
    }
}

/// A caller's name for one thing that happened: the event is stored once however often it is
/// emitted under this key.
///
/// A key is remembered as long as its event is kept: 30 days beyond the last delivery's end, unless
/// the worker was given another [retention]. Later the same key makes a new event.
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
        let event = NewEvent {
            id: MessageId::new("msg_1").unwrap(),
            event_type: EventType::UserCreated,
            payload: Bytes::from_static(b"{\"email\":\"ada@example.com\"}"),
            idempotency_key: None,
        };
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
