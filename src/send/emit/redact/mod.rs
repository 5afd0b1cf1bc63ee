//! Keeping secrets out of payloads, by name and by value.
//!
//! The allow-list of [`payload`](super::payload) is the first filter; these two run after it, over
//! every nested object, array and text:
//!
//! 1. they remove a field with the name of a secret, whatever it holds;
//! 2. they remove a field whose text is, or contains, a secret value of this very exchange: a
//!    password, token, code or cookie of the request, a token or key of the response.
//!
//! Plain values at the top of a payload pass more easily where the auth server itself made them
//! public. Otherwise anybody could blank their own events with a password that is their name, or a
//! cookie that is their address:
//!
//! * ids (`id`, `userId`, `handle`, …) are not compared with values: the auth server chose them, and
//!   without them an event says nothing;
//! * documented fields (`name`, `email`, `role`, …) are compared only with values that the server
//!   *issued* in this exchange: tokens, keys and session cookies of 16 bytes or more, which no caller
//!   chooses. So a password that somebody also entered as their name travels as the name, which
//!   everybody who may see the user sees anyway.
//!
//! All other fields, `metadata` and included fields above all, are compared with every secret.
//!
//! JSON that is packed in a text, up to four times, is searched like any other. A text that lost
//! something, or that two readers could understand differently, is written anew. Deeper packed JSON
//! does not travel. Percent-encoded and base64 forms of a secret are not searched for.

mod names;
mod packed;
mod scan;
mod secrets;

use serde_json::Value;

use self::names::names_secret;
use self::packed::{MAX_PACKED, PackedJson};
use self::scan::Scan;
use self::secrets::SecretValues;
use super::exchange::Exchange;
use super::payload::is_documented;
use crate::wire::event::AuthEvent;
use crate::wire::json::depth::MAX_DEPTH;

/// The secret values of one exchange.
pub(crate) struct Secrets {
    all: Scan,
    /// The secrets that the server made.
    issued: Scan,
}

impl Secrets {
    pub(crate) fn of(exchange: &Exchange) -> Self {
        let values = SecretValues::of(exchange);
        Self {
            all: Scan::new(values.all),
            issued: Scan::new(values.issued),
        }
    }

    /// Removes from an event the fields that must not travel.
    pub(crate) fn scrub(&self, event: AuthEvent) -> AuthEvent {
        event.map_data(|mut data| {
            data.retain(|key, value| !names_secret(key) && self.may_travel(key, value));
            data
        })
    }

    /// Cleans a field at the top of a payload, and returns whether it may travel.
    fn may_travel(&self, key: &str, value: &mut Value) -> bool {
        let plain = !value.is_array() && !value.is_object();
        if plain && is_id(key) {
            return true;
        }
        let documented = is_documented(key);
        let secrets = if plain && documented {
            &self.issued
        } else {
            &self.all
        };
        (documented || !secrets.finds(key)) && clean(value, secrets, MAX_DEPTH - 1, 0)
    }
}

/// Removes from `value` the parts that must not travel, or are nested deeper than `levels`; returns
/// whether the rest may travel. `packed` counts the texts around `value`.
fn clean(value: &mut Value, secrets: &Scan, levels: usize, packed: usize) -> bool {
    let below = levels.checked_sub(1);
    match (value, below) {
        (Value::Null | Value::Bool(_), _) => true,
        (Value::Number(number), _) => !secrets.finds(&number.to_string()),
        (Value::String(text), _) => clean_text(text, secrets, packed),
        (Value::Array(_) | Value::Object(_), None) => false,
        (Value::Array(items), Some(below)) => {
            items.retain_mut(|item| clean(item, secrets, below, packed));
            true
        }
        (Value::Object(fields), Some(below)) => {
            fields.retain(|key, value| {
                let harmless = !names_secret(key) && !secrets.finds(key);
                harmless && clean(value, secrets, below, packed)
            });
            true
        }
    }
}

/// [Cleans](clean) the JSON that is packed in a text, and returns whether the rest may travel.
fn clean_text(text: &mut String, secrets: &Scan, packed: usize) -> bool {
    if let Some(PackedJson { value, exact }) = PackedJson::read(text) {
        let mut cleaned = value.clone();
        if packed == MAX_PACKED || !clean(&mut cleaned, secrets, MAX_DEPTH, packed + 1) {
            return false;
        }
        if !exact || cleaned != value {
            *text = cleaned.to_string();
        }
    }
    !secrets.finds(text)
}

/// Returns whether the field is an id, which is public. A handle is a hash, made by this crate.
pub(crate) fn is_id(key: &str) -> bool {
    key == "id" || key == "handle" || key.ends_with("Id")
}
