//! JSON as a JavaScript server reads it.
//!
//! `serde_json` refuses some texts that `JSON.parse` accepts. With such a body a caller could hide the
//! event of a successful request. So this module replaces these parts before `serde_json` reads:
//!
//! * a byte order mark at the beginning is dropped, and bytes that are not UTF-8 become U+FFFD, as in
//!   `Request.json()`;
//! * an escaped surrogate without its other half becomes U+FFFD;
//! * a number out of an `f64`'s range becomes `null`;
//! * an array or object that is nested deeper than [`MAX_LEVELS`] becomes `null`.
//!
//! Everything else stays unchanged.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::Value;

use crate::wire::json::depth::MAX_DEPTH;

/// Deepest nesting that is read: a payload allows no more.
pub(crate) const MAX_LEVELS: usize = MAX_DEPTH;

/// Parses a body.
///
/// # Errors
///
/// The error of `serde_json` for a body that JavaScript refuses, too.
pub(crate) fn read(json: &[u8]) -> Result<Value, serde_json::Error> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let text = String::from_utf8_lossy(json);
    serde_json::from_str(&to_strict_json(&text))
}

/// Replaces the parts that only JavaScript reads. A text that is not JSON stays invalid, except inside
/// values that are nested too deep and in the notation of numbers out of range.
pub(crate) fn to_strict_json(json: &str) -> Cow<'_, str> {
    let mut normalizer = Normalizer {
        json,
        output: String::new(),
        copied: 0,
    };
    normalizer.run();
    if normalizer.copied == 0 {
        return Cow::Borrowed(json);
    }
    let rest = json.get(normalizer.copied..).unwrap_or_default();
    normalizer.output.push_str(rest);
    Cow::Owned(normalizer.output)
}

struct Normalizer<'a> {
    json: &'a str,
    output: String,
    /// Up to this position `json` is copied or replaced.
    copied: usize,
}

impl Normalizer<'_> {
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
        self.output.push_str(before);
        self.output.push_str(by);
        self.copied = end;
    }

    /// Normalizes the string that begins at `start`; returns its end.
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

    /// Normalizes the escape that begins at `start`; returns its end.
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

    /// Normalizes the number that begins at `start`; returns its end.
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
