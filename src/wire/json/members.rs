//! What header and claims have in common: a JSON object whose names are unique.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Most members of a header or of claims, nested ones not counted.
const MAX_MEMBERS: usize = 128;

/// The names of an object so far: one that comes again is refused.
///
/// RFC 7515 §4 and RFC 7519 §4 let a parser refuse or take the last. Two parsers that take different
/// ones disagree about what was signed.
pub(crate) struct Names {
    digests: [u64; MAX_MEMBERS],
    count: usize,
}

impl Names {
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

/// FNV-1a, 64 bits. Names made to collide only get their own token refused.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A JSON string, borrowed unless it holds an escape.
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
        let mut names = Names::new();
        names.add::<Refused>("exp").unwrap();
        names.add::<Refused>("Exp").unwrap();
        assert!(names.add::<Refused>("exp").is_err());
    }

    #[test]
    fn names_are_counted() {
        let mut names = Names::new();
        for index in 0..MAX_MEMBERS {
            names.add::<Refused>(&index.to_string()).unwrap();
        }
        assert!(names.add::<Refused>("one more").is_err());
    }
}
