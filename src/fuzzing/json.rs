//! A slow reference reader of JSON that keeps every member.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// An object's members in order, with repeated names.
pub(super) struct Members(pub(super) Vec<(String, Box<RawValue>)>);

impl Members {
    /// Returns the members of `json` if it is a valid object.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Value>(json).ok()?;
        serde_json::from_slice(json).ok()
    }

    /// Returns the value of the member if its name is unique.
    pub(super) fn only(&self, name: &str) -> Option<Value> {
        let mut named = self.0.iter().filter(|(other, _)| other == name);
        match (named.next(), named.next()) {
            (Some((_, value)), None) => serde_json::from_str(value.get()).ok(),
            _ => None,
        }
    }

    /// Returns whether a name is repeated, at any depth.
    pub(super) fn has_doubles(&self) -> bool {
        let mut seen = HashSet::new();
        let doubled = self.0.iter().any(|(name, _)| !seen.insert(name));
        doubled || self.0.iter().any(|(_, value)| is_doubled(value))
    }
}

fn is_doubled(value: &RawValue) -> bool {
    let json = value.get();
    if let Some(members) = Members::read(json.as_bytes()) {
        return members.has_doubles();
    }
    let items: Vec<Box<RawValue>> = serde_json::from_str(json).unwrap_or_default();
    items.iter().any(|item| is_doubled(item))
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(All)
    }
}
