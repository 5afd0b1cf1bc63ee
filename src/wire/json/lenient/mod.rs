//! JSON as a JavaScript server reads it.
//!
//! `serde_json` refuses some of what `JSON.parse` accepts. If such a body were unreadable here, a
//! caller could have the server do something and choose that its event is not seen. So these are
//! mended before `serde_json` reads:
//!
//! * a byte order mark at the beginning goes, and bytes that are not UTF-8 become U+FFFD, as in
//!   `Request.json()`;
//! * an escaped surrogate without its other half becomes U+FFFD;
//! * a number out of an `f64`'s range becomes `null`;
//! * an array or object that is nested deeper than [`MAX_LEVELS`] becomes `null`.
//!
//! Everything else stays as it is.

use std::borrow::Cow;

use serde_json::Value;

use super::depth::MAX_DEPTH;

/// How many arrays and objects are read within each other: no more could be sent.
pub(crate) const MAX_LEVELS: usize = MAX_DEPTH;

/// Reads a body.
///
/// # Errors
///
/// What `serde_json` says of a body that JavaScript does not read either.
pub(crate) fn read(json: &[u8]) -> Result<Value, serde_json::Error> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let text = String::from_utf8_lossy(json);
    serde_json::from_str(&mended(&text))
}

/// Replaces what only JavaScript reads. A text that is not JSON comes out as one that is not,
/// except that nothing is said about the inside of what is nested too deep, and about how a number
/// out of range is written.
pub(crate) fn mended(json: &str) -> Cow<'_, str> {
    let mut mender = Mender {
        json,
        mended: String::new(),
        copied: 0,
    };
    mender.run();
    if mender.copied == 0 {
        return Cow::Borrowed(json);
    }
    let rest = json.get(mender.copied..).unwrap_or_default();
    mender.mended.push_str(rest);
    Cow::Owned(mender.mended)
}

struct Mender<'a> {
    json: &'a str,
    mended: String,
    /// Up to here `json` has been copied or replaced.
    copied: usize,
}

impl Mender<'_> {
    fn run(&mut self) {
        let bytes = self.json.as_bytes();
        let (mut at, mut level) = (0, 0_usize);
        while let Some(&byte) = bytes.get(at) {
            let end = match byte {
                b'"' => self.string(at),
                b'-' | b'0'..=b'9' => self.number(at),
                b'[' | b'{' if level == MAX_LEVELS => {
                    let end = end_of_nested(bytes, at);
                    self.replace(at, end, "null");
                    end
                }
                _ => at + 1,
            };
            match byte {
                b'[' | b'{' if end == at + 1 => level += 1,
                b']' | b'}' => level = level.saturating_sub(1),
                _ => {}
            }
            at = end;
        }
    }

    fn replace(&mut self, start: usize, end: usize, by: &str) {
        let before = self.json.get(self.copied..start).unwrap_or_default();
        self.mended.push_str(before);
        self.mended.push_str(by);
        self.copied = end;
    }

    /// Mends the string that begins at `start`; returns where it ends.
    fn string(&mut self, start: usize) -> usize {
        let bytes = self.json.as_bytes();
        let mut at = start + 1;
        while let Some(&byte) = bytes.get(at) {
            at = match byte {
                b'"' => return at + 1,
                b'\\' => self.escape(at),
                _ => at + 1,
            };
        }
        at
    }

    /// Mends the escape that begins at `start`; returns where it ends.
    fn escape(&mut self, start: usize) -> usize {
        let bytes = self.json.as_bytes();
        match unit(bytes, start) {
            Some(0xd800..=0xdbff) => {
                let low = unit(bytes, start + UNIT);
                if low.is_some_and(|low| (0xdc00..=0xdfff).contains(&low)) {
                    return start + 2 * UNIT;
                }
            }
            Some(0xdc00..=0xdfff) => {}
            Some(_) => return start + UNIT,
            None => return start + 2,
        }
        self.replace(start, start + UNIT, "\\ufffd");
        start + UNIT
    }

    /// Mends the number that begins at `start`; returns where it ends.
    fn number(&mut self, start: usize) -> usize {
        let in_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let rest = self.json.get(start..).unwrap_or_default();
        let length = rest.bytes().take_while(|byte| in_number(byte)).count();
        let number = rest.get(..length).and_then(|it| it.parse::<f64>().ok());
        if number.is_some_and(f64::is_infinite) {
            self.replace(start, start + length, "null");
        }
        start + length
    }
}

/// Bytes of `\u0000`.
const UNIT: usize = 6;

/// Returns the UTF-16 unit of the escape `\u0000` at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + UNIT)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| {
        Some(unit * 16 + char::from(*digit).to_digit(16)?)
    })
}

/// Returns where the array or object that begins at `start` ends.
fn end_of_nested(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut level, mut in_string) = (start, 0_usize, false);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => at += 1,
            _ if in_string => {}
            b'[' | b'{' => level += 1,
            b']' | b'}' => level -= 1,
            _ => {}
        }
        if level == 0 {
            break;
        }
    }
    at.min(bytes.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn a_surrogate_without_its_other_half_is_a_replacement_character() {
        for (text, value) in [
            (r#""\ud800""#, "\u{fffd}"),
            (r#""\udc00""#, "\u{fffd}"),
            (r#""\uD800\uD800x""#, "\u{fffd}\u{fffd}x"),
            (r#""\ud800\u0041""#, "\u{fffd}A"),
            (r#""\ud83d\ude00""#, "\u{1f600}"),
            (r#""\ud83d\ud83d\ude00\ude00""#, "\u{fffd}\u{1f600}\u{fffd}"),
            (r#""\\ud800""#, "\\ud800"),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap(), value, "{text}");
        }
        let key = read(br#"{"a\ud800": 1}"#).unwrap();
        assert_eq!(key, json!({"a\u{fffd}": 1}));
    }

    #[test]
    fn a_number_out_of_range_is_null() {
        let digits = "9".repeat(400);
        for number in ["1e999", "-1E+999", "1.5e99999999999999999999", &digits] {
            let read = read(format!("[{number},1]").as_bytes()).unwrap();
            assert_eq!(read, json!([null, 1]), "{number}");
        }
        let tiny = read(b"[1e-999, -0.0, 0e99999999999999999999, 1e308]").unwrap();
        assert_eq!(tiny, json!([0.0, -0.0, 0.0, 1e308]));
    }

    #[test]
    fn what_is_nested_too_deep_is_null() {
        let kept = read(nested(MAX_LEVELS).as_bytes()).unwrap();
        assert_eq!(kept.to_string(), nested(MAX_LEVELS));
        for levels in [MAX_LEVELS + 1, 200, 100_000] {
            let cut = read(nested(levels).as_bytes()).unwrap().to_string();
            assert_eq!(cut, nested(MAX_LEVELS).replace('1', "null"));
            let body = format!(r#"{{"keyId":"k1","x":{}}}"#, nested(levels));
            assert_eq!(read(body.as_bytes()).unwrap()["keyId"], "k1");
        }
        let tricky = format!(r#"{}{{"]}}\"]":["}}"]}}{}"#, "[".repeat(64), "]".repeat(64));
        let cut = read(tricky.as_bytes()).unwrap().to_string();
        assert_eq!(cut, nested(64).replace('1', "null"));
    }

    #[test]
    fn a_mark_and_foreign_bytes_are_read_as_javascript_reads_them() {
        assert_eq!(read(b"\xef\xbb\xbf[1]").unwrap(), json!([1]));
        assert_eq!(read(b"[\"\xff\"]").unwrap(), json!(["\u{fffd}"]));
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in [
            "",
            "{",
            "\"",
            "\"\\",
            "\"\\u",
            "\"\\ud8",
            "[1",
            "nul",
            "\u{feff}\u{feff}1",
            "-",
            "1.",
            "\"\\ud800",
            "{\"a\":}",
            "[1e999",
            "\"\n\"",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(8, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Pieces of what only JavaScript reads, and of what nobody does.
    const PIECES: &str =
        r#"(\\u[dD][89cdef]00|\\u[0-9a-f]{4}|\\|"|[\[\]{}:,]|1e999|-?[0-9.eE+-]{1,6}|é|x){0,40}"#;

    proptest! {
        #[test]
        fn what_serde_json_reads_is_left_as_it_is(value in any_json(), pretty: bool) {
            let text = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            prop_assert!(matches!(mended(&text), Cow::Borrowed(_)));
            prop_assert_eq!(read(text.as_bytes()).unwrap(), value);
        }

        #[test]
        fn any_text_comes_out_readable_if_it_was(text in PIECES) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(read(text.as_bytes()).unwrap(), value);
            }
            let once = mended(&text);
            prop_assert_eq!(mended(&once), once.as_ref());
        }

        #[test]
        fn strings_of_any_utf_16_units_are_read_as_javascript_reads_them(
            units in proptest::collection::vec(prop_oneof![0xd700_u16..0xe100, any::<u16>()], 0..12)
        ) {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let read = read(format!("[\"{escaped}\"]").as_bytes()).unwrap();
            prop_assert_eq!(read, json!([String::from_utf16_lossy(&units)]));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
