//! Decoding of the three envelopes and encoding of the default one; see the [module docs](super).

use bytes::Bytes;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use super::auth_event::AuthEvent;
use super::error::DecodeError;
use super::event_type::EventType;
use super::time;
use crate::base::clock::UnixMillis;
use crate::base::id::MessageId;
use crate::wire::json::strict::{self, Strict};

impl AuthEvent {
    /// Decodes a payload in any of the three envelopes.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] says which part is wrong.
    pub fn from_slice(payload: &[u8]) -> Result<Self, DecodeError> {
        open(strict::parse(payload)?)
    }

    /// Encodes the default envelope `{"id","event","timestamp","data"}`, then the unknown fields.
    ///
    /// `timestamp` is the time of the event, or `now` for an event without a time. `id` replaces any
    /// id of the event.
    #[must_use]
    pub fn to_payload(&self, id: &MessageId, now: UnixMillis) -> Bytes {
        seal(self, id, now)
    }
}

/// As [`AuthEvent::from_slice`]; the format checks the encoding.
impl<'de> Deserialize<'de> for AuthEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(payload) = Strict::deserialize(deserializer)?;
        open(payload).map_err(de::Error::custom)
    }
}

/// Decodes an event from a parsed payload.
fn open(payload: Value) -> Result<AuthEvent, DecodeError> {
    let Value::Object(mut fields) = payload else {
        return Err(DecodeError::WrongType {
            field: "payload",
            expected: "an object",
        });
    };
    let event_type = take_event_type(&mut fields)?;
    let id = take_text(&mut fields, "id")?;
    let occurred_at = take_time(&mut fields)?;
    let data = match fields.remove("data") {
        Some(Value::Object(data)) => data,
        Some(_) => {
            return Err(DecodeError::WrongType {
                field: "data",
                expected: "an object",
            });
        }
        None => return Err(DecodeError::Missing { field: "data" }),
    };
    Ok(AuthEvent {
        id,
        event_type,
        occurred_at,
        data,
        extra: fields,
    })
}

fn take_event_type(fields: &mut Map<String, Value>) -> Result<EventType, DecodeError> {
    let (event, kind) = (fields.remove("event"), fields.remove("type"));
    let (field, name) = match (event, kind) {
        (Some(event), Some(kind)) if event != kind => return Err(DecodeError::TwoNames),
        (Some(name), _) => ("event", name),
        (None, Some(name)) => ("type", name),
        (None, None) => return Err(DecodeError::Missing { field: "event" }),
    };
    match name {
        Value::String(name) if !name.is_empty() => Ok(EventType::received(&name)),
        _ => Err(DecodeError::WrongType {
            field,
            expected: "a text of at least one character",
        }),
    }
}

fn take_text(
    fields: &mut Map<String, Value>,
    field: &'static str,
) -> Result<Option<Box<str>>, DecodeError> {
    match fields.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.into())),
        Some(_) => Err(DecodeError::WrongType {
            field,
            expected: "a text of at least one character",
        }),
    }
}

/// Takes the first of the senders' three field names; the others remain unknown fields.
fn take_time(fields: &mut Map<String, Value>) -> Result<Option<UnixMillis>, DecodeError> {
    for field in ["timestamp", "created_at", "createdAt"] {
        match fields.remove(field) {
            None | Some(Value::Null) => {}
            Some(value) => {
                return time::read(&value).map(Some).ok_or(DecodeError::WrongType {
                    field,
                    expected: time::EXPECTED,
                });
            }
        }
    }
    Ok(None)
}

/// Encodes the default envelope.
fn seal(event: &AuthEvent, id: &MessageId, now: UnixMillis) -> Bytes {
    let sealed = Sealed {
        event,
        id,
        timestamp: event.occurred_at.unwrap_or(now),
    };
    // Maps with text keys and JSON values cannot fail to serialize.
    Bytes::from(serde_json::to_vec(&sealed).unwrap_or_default())
}

struct Sealed<'a> {
    event: &'a AuthEvent,
    id: &'a MessageId,
    timestamp: UnixMillis,
}

impl Serialize for Sealed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", self.id)?;
        map.serialize_entry("event", &self.event.event_type)?;
        map.serialize_entry("timestamp", &time::write(self.timestamp))?;
        map.serialize_entry("data", &self.event.data)?;
        for (key, value) in &self.event.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
