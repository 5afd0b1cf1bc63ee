//! Times in payloads; the rules are in the [module docs](super).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::base::clock::UnixMillis;

/// The first number that counts milliseconds; smaller numbers count seconds.
const FIRST_MILLIS: u64 = 100_000_000_000;
/// 9999-12-30T22:00:00.999Z: the last time within the year 9999 at every offset and within jiff's
/// range.
const LAST_MILLIS: u64 = 253_402_207_200_999;

/// The required form of a time, for errors.
pub(crate) const EXPECTED: &str =
    "an RFC 3339 time, or whole seconds or milliseconds since 1970, up to the year 9999";

/// Writes `time` as RFC 3339 in UTC with milliseconds, at most [`LAST_MILLIS`].
pub(crate) fn write(time: UnixMillis) -> String {
    let millis = time.as_millis().min(LAST_MILLIS);
    // Seconds and milliseconds apart: jiff refuses the last second as a count of milliseconds.
    let secs = i64::try_from(millis / 1000).unwrap_or(i64::MAX);
    let rest = Duration::from_millis(millis % 1000);
    let time = Timestamp::from_second(secs).unwrap_or(Timestamp::MAX);
    format!("{:.3}", time.saturating_add(rest).unwrap_or(time))
}

/// Reads a time.
pub(crate) fn read(value: &Value) -> Option<UnixMillis> {
    match value {
        Value::String(text) => read_text(text),
        Value::Number(number) => read_number(number),
        _ => None,
    }
}

fn read_text(text: &str) -> Option<UnixMillis> {
    // jiff also reads RFC 9557's time zones in brackets, which must agree with the offset.
    if text.contains('[') {
        return None;
    }
    let time: Timestamp = text.parse().ok()?;
    let millis = u64::try_from(time.as_millisecond()).ok()?;
    Some(UnixMillis::from_millis(millis))
}

fn read_number(number: &Number) -> Option<UnixMillis> {
    match number.as_u64()? {
        secs if secs < FIRST_MILLIS => Some(UnixMillis::from_millis(secs * 1000)),
        millis if millis <= LAST_MILLIS => Some(UnixMillis::from_millis(millis)),
        _ => None,
    }
}

/// `#[serde(with)]` for an optional time.
pub(crate) mod optional {
    use serde::{Deserialize as _, Deserializer, Serializer, de};
    use serde_json::Value;

    use super::{EXPECTED, read, write};
    use crate::base::clock::UnixMillis;

    #[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
    pub(crate) fn serialize<S: Serializer>(
        time: &Option<UnixMillis>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_str(&write(*time)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<UnixMillis>, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(None),
            value => read(&value).map(Some).ok_or_else(|| {
                de::Error::invalid_value(de::Unexpected::Other("another value"), &EXPECTED)
            }),
        }
    }
}
