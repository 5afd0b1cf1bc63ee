//! What a body may have been before something on the way wrote it anew.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::diagnosis::BodyChange;

/// Returns the bodies that may have been signed in place of `body`, and what then happened to them.
pub(super) fn before(body: &[u8]) -> impl Iterator<Item = (BodyChange, Vec<u8>)> {
    let mut bodies = line_ends(body);
    if serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        let respaced = STYLES
            .iter()
            .map(|(change, style)| (*change, respace(body, style)));
        bodies.extend(respaced);
        bodies.extend(sorted(body).map(|sorted| (BodyChange::SignedSorted, sorted)));
    }
    let received = body.to_vec();
    bodies
        .into_iter()
        .filter(move |(_, other)| *other != received)
}

fn line_ends(body: &[u8]) -> Vec<(BodyChange, Vec<u8>)> {
    let with = |end: &[u8]| (BodyChange::LineEndRemoved, [body, end].concat());
    let mut bodies = vec![with(b"\n"), with(b"\r\n")];
    for end in [&b"\n"[..], b"\r\n"] {
        let before = body.strip_suffix(end);
        bodies.extend(before.map(|before| (BodyChange::LineEndAdded, before.to_vec())));
    }
    bodies
}

/// How JSON is spaced.
struct Style {
    comma: &'static str,
    colon: &'static str,
    /// Spaces per level, each value on a line of its own.
    indent: Option<usize>,
}

const fn style(comma: &'static str, colon: &'static str, indent: Option<usize>) -> Style {
    Style {
        comma,
        colon,
        indent,
    }
}

const STYLES: [(BodyChange, Style); 4] = [
    (BodyChange::SignedCompact, style(",", ":", None)),
    (BodyChange::SignedSpaced, style(", ", ": ", None)),
    (BodyChange::SignedIndented, style(",", ": ", Some(2))),
    (BodyChange::SignedIndented, style(",", ": ", Some(4))),
];

/// Writes JSON with other white space; every string and number keeps its bytes.
fn respace(json: &[u8], style: &Style) -> Vec<u8> {
    let mut written = Vec::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let mut rest = json;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'"' => {
                let (string, behind) = rest.split_at(string_len(rest));
                written.push(byte);
                written.extend_from_slice(string);
                rest = behind;
            }
            b'{' | b'[' => {
                depth += 1;
                written.push(byte);
                if !closes(rest) {
                    style.new_line(depth, &mut written);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !matches!(written.last(), Some(b'{' | b'[')) {
                    style.new_line(depth, &mut written);
                }
                written.push(byte);
            }
            b',' => {
                written.extend_from_slice(style.comma.as_bytes());
                style.new_line(depth, &mut written);
            }
            b':' => written.extend_from_slice(style.colon.as_bytes()),
            b' ' | b'\t' | b'\n' | b'\r' => {}
            _ => written.push(byte),
        }
    }
    written
}

impl Style {
    fn new_line(&self, depth: usize, written: &mut Vec<u8>) {
        if let Some(indent) = self.indent {
            written.push(b'\n');
            written.resize(written.len() + indent * depth.min(MAX_DEPTH), b' ');
        }
    }
}

/// Returns how many bytes there are up to and with the closing quote.
fn string_len(rest: &[u8]) -> usize {
    let mut escaped = false;
    let end = rest.iter().position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    end.map_or(rest.len(), |end| end + 1)
}

/// Returns whether the next thing closes what was just opened.
fn closes(rest: &[u8]) -> bool {
    let next = rest.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(next, Some(b'}' | b']'))
}

/// Returns the JSON with sorted keys, where its numbers survive that.
fn sorted(json: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(json).ok()?;
    sort(&mut value);
    serde_json::to_vec(&value).ok()
}

/// `serde_json` keeps the order where another crate asks it to.
fn sort(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let mut members: Vec<_> = std::mem::take(map).into_iter().collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            members.iter_mut().for_each(|(_, value)| sort(value));
            *map = members.into_iter().collect::<Map<_, _>>();
        }
        Value::Array(items) => items.iter_mut().for_each(sort),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Nobody indents further, and a hostile body must not make it long.
const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(body: &str, change: BodyChange) -> Vec<String> {
        before(body.as_bytes())
            .filter(|(found, _)| *found == change)
            .map(|(_, body)| String::from_utf8(body).unwrap())
            .collect()
    }

    #[test]
    fn json_is_written_as_other_programs_write_it() {
        let body = r#"{"b" :[1.0,{ },"a\":, {"],"a":[]}"#;
        for (change, expected) in [
            (
                BodyChange::SignedCompact,
                r#"{"b":[1.0,{},"a\":, {"],"a":[]}"#,
            ),
            (
                BodyChange::SignedSpaced,
                r#"{"b": [1.0, {}, "a\":, {"], "a": []}"#,
            ),
            (
                BodyChange::SignedSorted,
                r#"{"a":[],"b":[1.0,{},"a\":, {"]}"#,
            ),
            (
                BodyChange::SignedIndented,
                "{\n  \"b\": [\n    1.0,\n    {},\n    \"a\\\":, {\"\n  ],\n  \"a\": []\n}",
            ),
        ] {
            assert_eq!(written(body, change)[0], expected);
        }
    }

    #[test]
    fn line_ends_come_and_go() {
        assert_eq!(written("x", BodyChange::LineEndRemoved), ["x\n", "x\r\n"]);
        assert_eq!(written("x\r\n", BodyChange::LineEndAdded), ["x\r", "x"]);
        assert_eq!(written("x", BodyChange::SignedCompact), [""; 0]);
    }

    #[test]
    fn a_body_nested_beyond_reason_stays_small() {
        let deep = [b"[".repeat(1 << 16), b"]".repeat(1 << 16)].concat();
        assert!(before(&deep).all(|(_, body)| body.len() < deep.len() * 80));
    }

    proptest! {
        #[test]
        fn spacing_changes_no_value(text in "\\PC{0,16}", number in any::<f64>(), indent in any::<bool>()) {
            let value = serde_json::json!({ "t": [&text, { &text: number }], "": {}, "n": [[]] });
            let json = if indent {
                serde_json::to_vec_pretty(&value)
            } else {
                serde_json::to_vec(&value)
            };
            for (_, body) in before(&json.unwrap()) {
                prop_assert_eq!(&serde_json::from_slice::<Value>(&body).unwrap(), &value);
            }
        }
    }
}
