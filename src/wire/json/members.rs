//! Reading of JSON objects with unique member names: the header and the claims of a token.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Limit of the members of a header or of claims, without nested members.
const MAX_MEMBERS: usize = 128;

/// More than most tokens have. Checking so many names needs no allocation.
const INLINE: usize = 16;

/// The member names of an object so far. A repeated name is refused.
///
/// RFC 7515 §4 and RFC 7519 §4 let a parser refuse the object or take the last member. Two parsers
/// that take different members disagree on the signed content.
pub(crate) struct UniqueNames<'a> {
    first: [&'a str; INLINE],
    /// Number of names in `first`.
    count: usize,
    /// Further names, and those with an escape.
    rest: Vec<Cow<'a, str>>,
}

impl<'a> UniqueNames<'a> {
    pub(crate) const fn new() -> Self {
        Self {
            first: [""; INLINE],
            count: 0,
            rest: Vec::new(),
        }
    }

    pub(crate) fn add<E: Error>(&mut self, Text(name): &Text<'a>) -> Result<(), E> {
        let (seen, free) = self.first.split_at_mut(self.count);
        if seen.contains(&&**name) || self.rest.contains(name) {
            return Err(E::custom("a member stands there twice"));
        }
        if seen.len() + self.rest.len() == MAX_MEMBERS {
            return Err(E::custom("there are too many members"));
        }
        match (free.first_mut(), name) {
            (Some(slot), Cow::Borrowed(name)) => {
                *slot = name;
                self.count += 1;
            }
            _ => self.rest.push(name.clone()),
        }
        Ok(())
    }
}

/// A JSON string, borrowed unless it contains an escape.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Refused = serde::de::value::Error;

    fn borrowed(name: &str) -> Text<'_> {
        Text(Cow::Borrowed(name))
    }

    fn unescaped(name: &str) -> Text<'_> {
        Text(Cow::Owned(name.to_owned()))
    }

    #[test]
    fn a_name_is_taken_once() {
        let mut names = UniqueNames::new();
        for name in ["exp", "Exp", "", "ex"] {
            names.add::<Refused>(&borrowed(name)).unwrap();
        }
        names.add::<Refused>(&unescaped("é")).unwrap();
        for name in ["exp", "Exp", "", "ex", "é"] {
            for again in [borrowed(name), unescaped(name)] {
                assert!(names.add::<Refused>(&again).is_err(), "{name}");
            }
        }
    }

    #[test]
    fn names_are_counted_and_each_is_compared() {
        let all: Vec<String> = (0..MAX_MEMBERS).map(|index| index.to_string()).collect();
        for text in [borrowed, unescaped] {
            let mut names = UniqueNames::new();
            for name in &all {
                names.add::<Refused>(&text(name)).unwrap();
                let again = names.add::<Refused>(&text(name)).unwrap_err();
                assert!(again.to_string().contains("twice"), "{name}");
            }
            let more = names.add::<Refused>(&text("one more")).unwrap_err();
            assert!(more.to_string().contains("too many"));
        }
    }
}
