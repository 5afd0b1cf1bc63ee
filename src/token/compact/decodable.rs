//! JSON that decodes as a `serde_json::Value`, read without storing it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::wire::json::members::Text;

/// A value that was read to its end. A `Value` can hold its strings, numbers and depth.
pub(crate) struct Decodable {
    pub(crate) is_null: bool,
}

/// Returns whether a `Value` would change an object with this name.
pub(crate) fn is_reserved(name: &str) -> bool {
    [NUMBER, RAW_VALUE].contains(&name)
}

impl<'de> Deserialize<'de> for Decodable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DecodableVisitor)
    }
}

struct DecodableVisitor;

impl DecodableVisitor {
    const SOME: Decodable = Decodable { is_null: false };
}

impl<'de> Visitor<'de> for DecodableVisitor {
    type Value = Decodable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Decodable, E> {
        Ok(Decodable { is_null: true })
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Decodable, E> {
        Ok(Self::SOME)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Decodable, E> {
        Ok(Self::SOME)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Decodable, E> {
        Ok(Self::SOME)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Decodable, E> {
        Ok(Self::SOME)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Decodable, E> {
        Ok(Self::SOME)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Decodable, A::Error> {
        while seq.next_element::<Decodable>()?.is_some() {}
        Ok(Self::SOME)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Decodable, A::Error> {
        while let Some(Text(name)) = map.next_key()? {
            if name == NUMBER {
                let Text(number) = map.next_value()?;
                let is_number = serde_json::from_str::<serde_json::Number>(&number).is_ok();
                if is_number && map.next_key::<IgnoredAny>()?.is_none() {
                    return Ok(Self::SOME);
                }
            }
            if is_reserved(&name) {
                return Err(A::Error::custom("a name is reserved"));
            }
            map.next_value::<Decodable>()?;
        }
        Ok(Self::SOME)
    }
}

/// The only member of the object that represents a number in serde_json, if some crate of the
/// application enables its feature `arbitrary_precision`.
const NUMBER: &str = "$serde_json::private::Number";

/// The name of serde_json's `RawValue`: a `Value` decodes JSON from the text there.
const RAW_VALUE: &str = "$serde_json::private::RawValue";
