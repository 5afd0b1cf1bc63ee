//! The registered claims (RFC 7519 §4.1), read in one pass. The other claims are not stored.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::decodable::{Decodable, is_reserved};
use crate::base::clock::UnixMillis;
use crate::token::error::TokenError;
use crate::wire::json::members::UniqueNames;

/// The JSON of the claims that matter. Each claim is checked by itself, so that a refusal can name
/// it.
#[derive(Debug, Default)]
pub(crate) struct RawClaims<'a> {
    pub(crate) iss: Option<&'a RawValue>,
    pub(crate) sub: Option<&'a RawValue>,
    pub(crate) aud: Option<&'a RawValue>,
    pub(crate) exp: Option<&'a RawValue>,
    pub(crate) nbf: Option<&'a RawValue>,
    pub(crate) iat: Option<&'a RawValue>,
    /// One bit for each required claim that is present and not `null`.
    pub(crate) required: u64,
}

impl<'a> RawClaims<'a> {
    /// Reads `json` and looks for up to 64 further claims, the `required` ones.
    pub(crate) fn parse(json: &'a [u8], required: &[Box<str>]) -> Result<Self, TokenError> {
        let malformed = TokenError::Malformed { part: "claims" };
        // The whole text is checked: serde_json does not check the text of ignored members.
        let Ok(text) = str::from_utf8(json) else {
            return Err(malformed);
        };
        let read = |skips| {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            let claims = deserializer.deserialize_map(ClaimsVisitor { required, skips })?;
            deserializer.end().map(|()| claims)
        };
        read(false).map_err(|_error| match read(true) {
            Ok(_) => TokenError::Undecodable,
            Err(_) => malformed,
        })
    }
}

struct ClaimsVisitor<'r> {
    required: &'r [Box<str>],
    /// Whether other claims are skipped instead of read.
    skips: bool,
}

impl<'de> Visitor<'de> for ClaimsVisitor<'_> {
    type Value = RawClaims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut claims = RawClaims::default();
        let mut names = UniqueNames::new();
        while let Some(name) = map.next_key()? {
            names.add::<A::Error>(&name)?;
            let name = &*name.0;
            let wanted = self.required.iter().position(|wanted| **wanted == *name);
            let slot = match name {
                "iss" => Some(&mut claims.iss),
                "sub" => Some(&mut claims.sub),
                "aud" => Some(&mut claims.aud),
                "exp" => Some(&mut claims.exp),
                "nbf" => Some(&mut claims.nbf),
                "iat" => Some(&mut claims.iat),
                _ => None,
            };
            let is_null = match slot {
                Some(slot) => {
                    let value: &RawValue = map.next_value()?;
                    *slot = Some(value);
                    value.get() == "null"
                }
                None if self.skips => map.next_value::<IgnoredAny>().map(|_| true)?,
                None if is_reserved(name) => {
                    return Err(A::Error::custom("a name is reserved"));
                }
                None => map.next_value::<Decodable>()?.is_null,
            };
            if let Some(index) = wanted.filter(|_| !is_null) {
                claims.required |= 1 << index;
            }
        }
        Ok(claims)
    }
}

/// Seconds since the epoch, which may have a fraction (RFC 7519 §2), in milliseconds.
///
/// A time before the epoch becomes the epoch, a time that is too large the last one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NumericDate(pub(crate) UnixMillis);

impl NumericDate {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from a float saturates at both ends, as intended"
    )]
    pub(crate) fn parse(json: &RawValue) -> Option<Self> {
        let millis = match serde_json::from_str::<u64>(json.get()) {
            Ok(seconds) => seconds.saturating_mul(1000),
            Err(_) => (serde_json::from_str::<f64>(json.get()).ok()? * 1000.0) as u64,
        };
        Some(Self(UnixMillis::from_millis(millis)))
    }
}

/// Whether `aud` names one of the verifier's audiences.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AudienceMatch {
    Ours,
    Others,
}

impl AudienceMatch {
    /// Reads `aud`: a string, or an array of one or more strings.
    pub(crate) fn parse(json: &RawValue, ours: &[Box<str>]) -> Option<Self> {
        serde_json::Deserializer::from_str(json.get())
            .deserialize_any(AudienceVisitor { ours })
            .ok()
    }
}

struct AudienceVisitor<'o> {
    ours: &'o [Box<str>],
}

impl<'de> Visitor<'de> for AudienceVisitor<'_> {
    type Value = AudienceMatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_str<E: Error>(self, audience: &str) -> Result<AudienceMatch, E> {
        Ok(if self.ours.iter().any(|ours| **ours == *audience) {
            AudienceMatch::Ours
        } else {
            AudienceMatch::Others
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<AudienceMatch, A::Error> {
        let mut found = None;
        while let Some(one) = seq.next_element_seed(OneAudience { ours: self.ours })? {
            if found != Some(AudienceMatch::Ours) {
                found = Some(one);
            }
        }
        found.ok_or_else(|| A::Error::custom("the array is empty"))
    }
}

struct OneAudience<'o> {
    ours: &'o [Box<str>],
}

impl<'de> DeserializeSeed<'de> for OneAudience<'_> {
    type Value = AudienceMatch;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<AudienceMatch, D::Error> {
        deserializer.deserialize_str(AudienceVisitor { ours: self.ours })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn dates_are_numbers_and_stop_at_both_ends_of_time() {
        for (json, millis) in [
            ("0", Some(0)),
            ("-1", Some(0)),
            ("-1e300", Some(0)),
            ("1.5", Some(1_500)),
            ("253402300799", Some(253_402_300_799_000)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", Some(u64::MAX)),
            ("1e300", Some(u64::MAX)),
            ("1e400", None),
            ("\"1\"", None),
            ("null", None),
            ("true", None),
            ("[1]", None),
            ("{}", None),
        ] {
            let date = NumericDate::parse(&raw(json)).map(|date| date.0.as_millis());
            assert_eq!(date, millis, "{json}");
        }
    }

    #[test]
    fn an_audience_is_a_string_or_a_non_empty_array_of_strings() {
        let ours = [Box::from("us"), Box::from("we")];
        for (json, found) in [
            (r#""us""#, Some(AudienceMatch::Ours)),
            (r#""\u0075s""#, Some(AudienceMatch::Ours)),
            (r#"["them","we"]"#, Some(AudienceMatch::Ours)),
            (r#"["we","them"]"#, Some(AudienceMatch::Ours)),
            (r#"["them"]"#, Some(AudienceMatch::Others)),
            (r#""u""#, Some(AudienceMatch::Others)),
            (r#""""#, Some(AudienceMatch::Others)),
            ("[]", None),
            (r#"["us",1]"#, None),
            (r#"[["us"]]"#, None),
            (r#"{"us":1}"#, None),
            ("1", None),
            ("null", None),
        ] {
            assert_eq!(AudienceMatch::parse(&raw(json), &ours), found, "{json}");
        }
    }

    #[test]
    fn required_names_are_found_unless_null() {
        let required = [Box::from("client_id"), Box::from("exp"), Box::from("jti")];
        let json = br#"{"exp":1,"client_id":null,"jti":{"a":[]},"x":0}"#;
        let claims = RawClaims::parse(json, &required).unwrap();
        assert_eq!(claims.required, 0b110);
        assert!(claims.exp.is_some());
    }

    #[test]
    fn claims_that_two_parsers_could_read_differently_are_refused() {
        for json in [
            r#"{"exp":1,"exp":2}"#,
            r#"{"role":"a","role":"b"}"#,
            r#"{"role":"a","rol\u0065":"b"}"#,
            r#"{"exp":1}{}"#,
            r#"{"exp":1,}"#,
            r#"{"exp":NaN}"#,
            "\u{feff}{}",
            "[]",
            "",
        ] {
            assert!(RawClaims::parse(json.as_bytes(), &[]).is_err(), "{json}");
        }
        assert!(RawClaims::parse(b"{\"x\":\"\xff\"}", &[]).is_err());
        assert!(RawClaims::parse(b" \n{} ", &[]).is_ok());
    }
}
