//! Reading of JSON objects with unique member names: the header and the claims of a token.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Limit of the members of a header or of claims, without nested members.
const MAX_MEMBERS: usize = 128;

/// The member names of an object so far. A repeated name is refused.
///
/// RFC 7515 §4 and RFC 7519 §4 let a parser refuse the object or take the last member. Two parsers
/// that take different members disagree on the signed content.
pub(crate) struct UniqueNames {
    digests: [u64; MAX_MEMBERS],
    count: usize,
}

impl UniqueNames {
    pub(crate) const fn new() -> Self {
        Self {
            digests: [0; MAX_MEMBERS],
            count: 0,
        }
    }

    pub(crate) fn add<E: Error>(&mut self, name: &str) -> Result<(), E> {
        let digest = fnv1a(name.as_bytes());
        let (seen, free) = self.digests.split_at_mut(self.count);
        if seen.contains(&digest) {
            return Err(E::custom("a member stands there twice"));
        }
        let Some(next) = free.first_mut() else {
            return Err(E::custom("there are too many members"));
        };
        *next = digest;
        self.count += 1;
        Ok(())
    }
}

/// FNV-1a, 64 bits. A collision only causes the refusal of the token that contains it.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
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

    #[test]
    fn a_name_is_taken_once() {
        let mut names = UniqueNames::new();
        names.add::<Refused>("exp").unwrap();
        names.add::<Refused>("Exp").unwrap();
        assert!(names.add::<Refused>("exp").is_err());
    }

    #[test]
    fn names_are_counted() {
        let mut names = UniqueNames::new();
        for index in 0..MAX_MEMBERS {
            names.add::<Refused>(&index.to_string()).unwrap();
        }
        assert!(names.add::<Refused>("one more").is_err());
    }
}
