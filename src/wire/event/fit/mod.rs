//! Making an event of what an auth server said, such that every receiver can take it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::auth_event::AuthEvent;
use super::declare::Declared;
use super::error::DecodeError;
use super::resource::Kind;

#[cfg(test)]
pub(super) mod tests;

/// Longest text that is told, in bytes: 8 KiB. Longer ones are pictures in data URLs and the like.
pub(crate) const MAX_TEXT: usize = 8 * 1024;

/// Most that is told in all, in bytes of JSON: a payload of 256 KiB, the most that is sent, less
/// 1 KiB for its envelope, which has at most 400 bytes.
const MAX_DATA: usize = 255 * 1024;

/// The member of `data` that names what was left out of it.
const OMITTED: &str = "omitted";

impl AuthEvent {
    /// Makes the event one that its own [`resource`](Self::resource) takes.
    ///
    /// * A number 0 or 1 where a flag stands becomes the flag: databases without booleans give these.
    /// * Another field of a wrong type, and one that is or holds a text of more than 8 KiB, is left
    ///   out. If all together is more than can be sent, the longest fields are left out too.
    /// * What was left out is named in the array `omitted`, sorted. A field of that name that is no
    ///   list of absent fields is left out like others.
    ///
    /// Ids are never left out. Again on its result it changes nothing.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Resource`] if an id that says what the event is about is missing or of a wrong
    /// type.
    pub(crate) fn fit(mut self) -> Result<Self, DecodeError> {
        let (resource, declared) = Kind::of(&self.event_type).declared();
        let mut omitted = take_omitted(&mut self.data);
        for field in declared {
            if field.is_right_in(&self.data) {
                continue;
            }
            match self.data.remove(field.name).as_ref().and_then(flag) {
                Some(flag) if field.takes(&flag) => {
                    self.data.insert(field.name.to_owned(), flag);
                }
                _ if field.is_id => {
                    let field = field.name;
                    return Err(DecodeError::Resource { resource, field });
                }
                _ => {
                    omitted.insert(field.name.to_owned());
                }
            }
        }
        omit_long(&mut self.data, declared, &mut omitted);
        if !omitted.is_empty() {
            let names = omitted.into_iter().collect();
            self.data.insert(OMITTED.to_owned(), names);
        }
        Ok(self)
    }
}

/// Takes everything out of `data` that it does not state: the fields that it names as left out, and
/// the list of them.
pub(crate) fn forget_omitted(data: &mut Map<String, Value>) {
    if let Some(Value::Array(names)) = data.remove(OMITTED) {
        for name in names.iter().filter_map(Value::as_str) {
            data.remove(name);
        }
    }
}

/// What was left out of the data before, if its member of that name says so.
fn take_omitted(data: &mut Map<String, Value>) -> BTreeSet<String> {
    let Some(told) = data.remove(OMITTED) else {
        return BTreeSet::new();
    };
    serde_json::from_value(told)
        .ok()
        .filter(|names: &BTreeSet<String>| !names.iter().any(|name| data.contains_key(name)))
        .unwrap_or_else(|| [OMITTED.to_owned()].into())
}

fn flag(value: &Value) -> Option<Value> {
    match value.as_u64()? {
        0 => Some(false.into()),
        1 => Some(true.into()),
        _ => None,
    }
}

/// Leaves out each field with a long text, and then the longest ones until the rest can be sent.
fn omit_long(data: &mut Map<String, Value>, declared: &[Declared], omitted: &mut BTreeSet<String>) {
    let is_id = |name: &str| declared.iter().any(|it| it.is_id && it.name == name);
    data.retain(|name, value| {
        let stays = is_id(name) || !has_long_text(value);
        if !stays {
            omitted.insert(name.clone());
        }
        stays
    });
    let length = |text: String| text.len() + 1;
    let named = |name: &String| length(Value::from(name.as_str()).to_string());
    let mut lengths: Vec<_> = data
        .iter()
        .map(|(name, value)| (length(value.to_string()), name.clone()))
        .collect();
    // With each value goes a name, in the data or as left out.
    let names: usize = data.keys().chain(&*omitted).map(named).sum();
    let mut total = names + lengths.iter().map(|(length, _)| length).sum::<usize>();
    lengths.sort();
    while total > MAX_DATA
        && let Some((length, name)) = lengths.pop()
    {
        if !is_id(&name) {
            data.remove(&name);
            omitted.insert(name);
            total -= length;
        }
    }
}

fn has_long_text(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() > MAX_TEXT,
        Value::Array(items) => items.iter().any(has_long_text),
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| name.len() > MAX_TEXT || has_long_text(value)),
        _ => false,
    }
}
