//! A user or session as it grows out of what was told. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::change::Update;
use super::field::Field;

/// All that is known of one user or session, and how new each field of it is.
///
/// What it holds after a number of [`merge`](Self::merge)s does not depend on their order, nor on
/// whether one came twice. `Debug` shows the names of the fields only.
#[derive(Clone, Default, PartialEq)]
pub struct FieldSet(BTreeMap<String, Field>);

impl FieldSet {
    /// Takes over each field that is newer than what is here. Returns whether anything changed.
    pub fn merge(&mut self, update: &Update) -> bool {
        let mut changed = false;
        for (name, value) in &update.fields {
            let field = self.0.entry(name.clone()).or_default();
            changed |= field.merge(value, update, update.asserted == Some(name.as_str()));
        }
        changed
    }

    /// Reads a record that was stored as [`data`](Self::data) and [`versions`](Self::versions).
    ///
    /// # Errors
    ///
    /// [`InvalidFieldSet`] if they do not belong together.
    pub fn from_json(data: &str, versions: &str) -> Result<Self, InvalidFieldSet> {
        // The causes are dropped because their text may quote the data.
        let data: Map<String, Value> =
            serde_json::from_str(data).map_err(|_cause| InvalidFieldSet)?;
        let record = Self(serde_json::from_str(versions).map_err(|_cause| InvalidFieldSet)?);
        if record.fields() == data && data.len() == record.0.len() {
            Ok(record)
        } else {
            Err(InvalidFieldSet)
        }
    }

    /// Returns the fields as a JSON object.
    #[must_use]
    pub fn data(&self) -> String {
        Value::Object(self.fields()).to_string()
    }

    /// Returns all that has to be kept of the fields, with how new it is, as a JSON object.
    #[must_use]
    pub fn versions(&self) -> String {
        // Values and numbers under texts always are JSON.
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Returns the record as a [`User`](crate::wire::event::User) or a
    /// [`Session`](crate::wire::event::Session).
    ///
    /// # Errors
    ///
    /// [`InvalidFieldSet`] if it is none.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, InvalidFieldSet> {
        serde_json::from_value(Value::Object(self.fields())).map_err(|_cause| InvalidFieldSet)
    }

    fn fields(&self) -> Map<String, Value> {
        let shown = |(name, field): (&String, &Field)| Some((name.clone(), field.value()?.clone()));
        self.0.iter().filter_map(shown).collect()
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a store holds is not the record of a user or session.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is not the record of a user or session")]
pub struct InvalidFieldSet;
