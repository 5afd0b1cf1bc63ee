//! A user or session as it grows out of what was told. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::change::{Told, Version};

/// All that is known of one user or session, and how new each field of it is.
///
/// What it holds after a number of [`absorb`](Self::absorb)s does not depend on their order, nor on
/// whether one came twice. `Debug` shows the names of the fields only.
#[derive(Clone, Default, PartialEq)]
pub struct Record(BTreeMap<String, Field>);

#[derive(Clone, PartialEq)]
struct Field {
    value: Value,
    version: Version,
}

impl Record {
    /// Takes over each field that is newer than the one that is here. Returns whether anything
    /// changed.
    pub fn absorb(&mut self, told: &Told) -> bool {
        let mut changed = false;
        for (name, value) in &told.fields {
            let field = Field {
                value: value.clone(),
                version: told.version,
            };
            match self.0.get_mut(name) {
                None => {
                    self.0.insert(name.clone(), field);
                    changed = true;
                }
                Some(known) if field.is_newer_than(known) => {
                    *known = field;
                    changed = true;
                }
                Some(_) => {}
            }
        }
        changed
    }

    /// Reads a record that was stored as [`data`](Self::data) and [`versions`](Self::versions).
    ///
    /// # Errors
    ///
    /// [`InvalidRecord`] if they are not JSON objects with the same fields.
    pub fn from_json(data: &str, versions: &str) -> Result<Self, InvalidRecord> {
        // The causes are dropped because their text may quote the data.
        let data: Map<String, Value> =
            serde_json::from_str(data).map_err(|_cause| InvalidRecord)?;
        let mut versions: BTreeMap<String, Version> =
            serde_json::from_str(versions).map_err(|_cause| InvalidRecord)?;
        let fields = data.into_iter().map(|(name, value)| {
            let version = versions.remove(&name).ok_or(InvalidRecord)?;
            Ok((name, Field { value, version }))
        });
        let fields = fields.collect::<Result<_, InvalidRecord>>()?;
        if versions.is_empty() {
            Ok(Self(fields))
        } else {
            Err(InvalidRecord)
        }
    }

    /// Returns the fields as a JSON object.
    #[must_use]
    pub fn data(&self) -> String {
        Value::Object(self.fields()).to_string()
    }

    /// Returns the fields' versions as a JSON object.
    #[must_use]
    pub fn versions(&self) -> String {
        let version = |(name, field): (&String, &Field)| {
            let Version(changed, happened) = field.version;
            let times = [changed, happened].map(|time| Value::from(time.as_millis()));
            (name.clone(), Value::from(times.to_vec()))
        };
        Value::Object(self.0.iter().map(version).collect()).to_string()
    }

    /// Returns the record as a [`User`](crate::event::User) or a
    /// [`Session`](crate::event::Session).
    ///
    /// # Errors
    ///
    /// [`InvalidRecord`] if it is none.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, InvalidRecord> {
        serde_json::from_value(Value::Object(self.fields())).map_err(|_cause| InvalidRecord)
    }

    fn fields(&self) -> Map<String, Value> {
        let value = |(name, field): (&String, &Field)| (name.clone(), field.value.clone());
        self.0.iter().map(value).collect()
    }
}

impl Field {
    /// Of two values of one version the greater text counts, so that the order in which they come
    /// does not.
    fn is_newer_than(&self, known: &Self) -> bool {
        let text = |field: &Self| field.value.to_string();
        self.version > known.version
            || (self.version == known.version
                && self.value != known.value
                && text(self) > text(known))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a store holds is not the record of a user or session.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is not the record of a user or session")]
pub struct InvalidRecord;
