//! A user or session, merged from updates. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::change::Update;
use super::field::Field;

/// Known fields of one user or session, and the version of each.
///
/// The result of several [`merge`](Self::merge)s depends neither on their order nor on repetition.
/// `Debug` shows only the names of the fields.
///
/// ```
/// use tower_auth_sync::mirror::FieldSet;
///
/// let empty = FieldSet::default();
/// assert_eq!(FieldSet::from_json(&empty.data(), &empty.versions())?, empty);
/// # Ok::<(), tower_auth_sync::mirror::InvalidFieldSet>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct FieldSet(BTreeMap<String, Field>);

impl FieldSet {
    /// Takes each field that is newer. Returns whether anything changed.
    pub fn merge(&mut self, update: &Update) -> bool {
        let mut changed = false;
        for (name, value) in &update.fields {
            let field = self.0.entry(name.clone()).or_default();
            changed |= field.merge(value, update, update.asserted == Some(name.as_str()));
        }
        changed
    }

    /// Reads a field set from its stored [`data`](Self::data) and [`versions`](Self::versions).
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

    /// Returns all values and versions of the fields, as a JSON object.
    #[must_use]
    pub fn versions(&self) -> String {
        // Values and numbers with text keys always serialize.
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Decodes a [`User`](crate::wire::event::User) or a [`Session`](crate::wire::event::Session).
    ///
    /// # Errors
    ///
    /// [`InvalidFieldSet`] if the fields do not fit the type.
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

/// Stored fields that are no user or session.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the stored fields are no user or session")]
pub struct InvalidFieldSet;
