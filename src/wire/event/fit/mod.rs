//! Adaptation of an auth server's event so that every receiver accepts it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::auth_event::AuthEvent;
use super::declare::FieldSpec;
use super::error::DecodeError;
use super::resource::ResourceKind;

#[cfg(test)]
pub(super) mod tests;

/// Longest text in an event: 8 KiB. Longer texts are mostly pictures in data URLs.
pub(crate) const MAX_TEXT: usize = 8 * 1024;

/// Limit of `data` in bytes of JSON: the payload limit of 256 KiB less 1 KiB for the envelope, which
/// has at most 400 bytes.
const MAX_DATA: usize = 255 * 1024;

/// The member of `data` that lists the omitted fields.
const OMITTED: &str = "omitted";

impl AuthEvent {
    /// Adapts the event so that its own [`resource`](Self::resource) decodes it.
    ///
    /// * A number 0 or 1 in place of a flag becomes the flag: databases without booleans store numbers.
    /// * Other fields of a wrong type, and fields with a text of more than 8 KiB, are left out. If the
    ///   rest exceeds the limit of a payload, the longest fields are left out too.
    /// * The sorted array `omitted` lists the omitted fields. A field of that name that is no list of
    ///   absent fields is left out as well.
    ///
    /// Ids are never left out. A second call changes nothing.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Resource`] if an id of the resource is missing or of a wrong type.
    pub(crate) fn fit(mut self) -> Result<Self, DecodeError> {
        let (resource, declared) = ResourceKind::of(&self.event_type).declared();
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

/// Removes from `data` the list of omitted fields and the fields on that list.
pub(crate) fn forget_omitted(data: &mut Map<String, Value>) {
    if let Some(Value::Array(names)) = data.remove(OMITTED) {
        for name in names.iter().filter_map(Value::as_str) {
            data.remove(name);
        }
    }
}

/// Takes the list of fields that an earlier call left out.
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

/// Leaves out each field with a long text, then the longest fields until the rest is within the limit.
fn omit_long(
    data: &mut Map<String, Value>,
    declared: &[FieldSpec],
    omitted: &mut BTreeSet<String>,
) {
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
    // Each name counts, in `data` or in the list of omitted fields.
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
