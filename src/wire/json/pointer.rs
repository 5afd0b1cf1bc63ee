//! Lookup of a single string in a JSON body, without decoding the rest.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

/// Returns the string at the JSON pointer `path` in `body`.
///
/// Returns `None` for a body that is not JSON or that has the member twice, since readers disagree on
/// the valid one.
pub(crate) fn string_at<'b>(body: &'b [u8], path: &str) -> Option<Cow<'b, str>> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let found = At(path).deserialize(&mut json).ok()?;
    json.end().ok()?;
    found
}

/// The rest of the path: empty, or beginning with a slash.
#[derive(Clone, Copy)]
struct At<'p>(&'p str);

impl<'p> At<'p> {
    /// Returns the next member's name, and the path below it.
    fn step(self) -> Option<(&'p str, Self)> {
        let path = self.0.strip_prefix('/')?;
        let end = path.find('/').unwrap_or(path.len());
        let (name, rest) = path.split_at(end);
        Some((name, At(rest)))
    }
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

/// Any value except an object and the string at the end of the path ends the reading.
impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, or a string at the end of the path")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(self.step().is_none().then_some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        let found = || Cow::Owned(text.to_owned());
        Ok(self.step().is_none().then(found))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Self::Value, M::Error> {
        let step = self.step();
        let mut found = None;
        let wanted = Name(step.map(|(name, _)| name));
        while let Some(is_wanted) = members.next_key_seed(wanted)? {
            match step {
                Some((_, rest)) if is_wanted => {
                    let again = found.replace(members.next_value_seed(rest)?);
                    if again.is_some() {
                        return Err(M::Error::custom("the member is there twice"));
                    }
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found.flatten())
    }
}

/// Compares a member's name without copying it.
#[derive(Clone, Copy)]
struct Name<'p>(Option<&'p str>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(self.0 == Some(name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_string_at_the_path_is_found() {
        for (body, path, expected) in [
            (r#"{"id":"a"}"#, "/id", Some("a")),
            (
                r#" { "x" : [1,{"id":"no"}], "id" : "a" } "#,
                "/id",
                Some("a"),
            ),
            (r#"{"i\u0064":"\u0061"}"#, "/id", Some("a")),
            (r#"{"event":{"id":"a"}}"#, "/event/id", Some("a")),
            (r#"{"event":{"id":"a"}}"#, "/id", None),
            (r#"{"id":7}"#, "/id", None),
            (r#"{"id":null}"#, "/id", None),
            (r#"{"id":{"id":"a"}}"#, "/id", None),
            (r#"{"id":"a","id":"b"}"#, "/id", None),
            (r#"{"id":"a"} {}"#, "/id", None),
            (r#"{"id":"a""#, "/id", None),
            (r#"["a"]"#, "/id", None),
            ("\"a\"", "/id", None),
            ("", "/id", None),
            ("\u{feff}{\"id\":\"a\"}", "/id", None),
        ] {
            let found = string_at(body.as_bytes(), path);
            assert_eq!(found.as_deref(), expected, "{body} at {path}");
        }
        assert_eq!(string_at(b"{\"id\":\"\xff\"}", "/id"), None);
    }

    #[test]
    fn a_body_nested_beyond_reason_does_not_exhaust_the_stack() {
        let deep = [b"[".repeat(1 << 20), b"]".repeat(1 << 20)].concat();
        let body = [br#"{"x":"#.as_slice(), &deep, br#","id":"a"}"#].concat();
        assert_eq!(string_at(&body, "/id").as_deref(), Some("a"));
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_full_decoder(body in "[\\PC]{0,64}", name in "[a-z]{1,3}", id in "\\PC*") {
            prop_assert!(string_at(body.as_bytes(), "/id").is_none() || body.contains("id"));
            let json = serde_json::json!({ &name: &id, "z": { "id": &body } });
            let full = json.pointer("/id").and_then(serde_json::Value::as_str);
            let text = json.to_string();
            let found = string_at(text.as_bytes(), "/id");
            prop_assert_eq!(found.as_deref(), full);
        }
    }
}
