//! The JOSE header (RFC 7515 §4).

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::wire::json::members::{Text, UniqueNames};

/// The members of a header that matter. `jku`, `jwk`, `x5u`, `x5c` and unknown members are ignored: a
/// token does not decide which key to trust.
#[derive(Debug, Default)]
pub(crate) struct JoseHeader<'a> {
    pub(crate) alg: Option<Text<'a>>,
    pub(crate) kid: Option<Text<'a>>,
    pub(crate) typ: Option<Text<'a>>,
    /// The first member that changes how the token must be read: `crit`, `b64` or `zip`.
    pub(crate) extension: Option<&'static str>,
}

impl<'a> JoseHeader<'a> {
    pub(crate) fn parse(json: &'a [u8]) -> Option<Self> {
        // The whole text is checked: serde_json does not check the text of ignored members.
        let text = str::from_utf8(json).ok()?;
        serde_json::from_str(text).ok()
    }
}

impl<'de> Deserialize<'de> for JoseHeader<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = JoseHeader<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut header = JoseHeader::default();
        let mut names = UniqueNames::new();
        while let Some(name) = map.next_key()? {
            names.add::<A::Error>(&name)?;
            match &*name.0 {
                "alg" => header.alg = Some(map.next_value()?),
                "kid" => header.kid = Some(map.next_value()?),
                "typ" => header.typ = Some(map.next_value()?),
                name => {
                    let extensions = ["crit", "b64", "zip"];
                    let found = extensions.into_iter().find(|extension| *extension == name);
                    header.extension = header.extension.or(found);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(header)
    }
}

/// The media type in `typ`, without the optional prefix of RFC 7515 §4.1.9. The comparison ignores
/// case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeName<'a>(&'a str);

impl<'a> TypeName<'a> {
    pub(crate) fn of(typ: &'a str) -> Self {
        const PREFIX: &str = "application/";
        match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) && !rest.contains('/') => {
                Self(rest)
            }
            _ => Self(typ),
        }
    }

    pub(crate) const fn is(self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_two_parsers_could_read_differently_are_refused() {
        for json in [
            r#"{"alg":"ES256","alg":"none"}"#,
            r#"{"alg":"ES256","\u0061lg":"none"}"#,
            r#"{"x":1,"x":1}"#,
            r#"{"alg":null}"#,
            r#"{"kid":1}"#,
            r#"{"typ":["JWT"]}"#,
            r#"{"alg":"ES256"}{}"#,
            "\u{feff}{}",
            "[]",
            "null",
            "",
        ] {
            assert!(JoseHeader::parse(json.as_bytes()).is_none(), "{json}");
        }
        assert!(JoseHeader::parse(b"{\"x\":\"\xff\"}").is_none());
    }

    #[test]
    fn extensions_are_seen_whatever_their_value() {
        for name in ["crit", "b64", "zip"] {
            let json = format!(r#"{{"alg":"ES256","{name}":null}}"#);
            let header = JoseHeader::parse(json.as_bytes()).unwrap();
            assert_eq!(header.extension, Some(name));
        }
    }

    #[test]
    fn media_types_are_compared_without_case_and_prefix() {
        for typ in [
            "at+jwt",
            "AT+JWT",
            "application/at+jwt",
            "Application/At+Jwt",
        ] {
            assert!(TypeName::of(typ).is("at+jwt"), "{typ}");
        }
        for typ in [
            "",
            "at+jw",
            "application/",
            "application/x/at+jwt",
            "äpplication/at+jwt",
        ] {
            assert!(!TypeName::of(typ).is("at+jwt"), "{typ}");
        }
    }
}
