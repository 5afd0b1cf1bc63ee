//! What a body may have been before something on the way wrote it anew.

use std::borrow::Cow;
use std::cell::LazyCell;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::budget::Budget;
use super::diagnosis::BodyChange;

/// Returns the bodies that may have been signed in place of `body`, and what then happened to them.
///
/// Each is made when it is asked for, and out of `budget`.
pub(super) fn before<'a>(
    body: &'a [u8],
    budget: &'a Budget,
) -> impl Iterator<Item = (BodyChange, Cow<'a, [u8]>)> {
    let is_json = LazyCell::new(|| {
        budget.allows(body.len()) && serde_json::from_slice::<IgnoredAny>(body).is_ok()
    });
    WRITINGS.iter().filter_map(move |(change, writing)| {
        let is_apt = match writing {
            Writing::With(_) | Writing::Without(_) => true,
            Writing::Spaced(_) => body.len() <= MAX_RESPACED && *is_json,
            Writing::Sorted => body.len() <= MAX_SORTED && *is_json,
        };
        let other = is_apt.then(|| writing.of(body, budget)).flatten()?;
        (*other != *body).then_some((*change, other))
    })
}

/// How a body may have been written.
enum Writing {
    /// With this behind it.
    With(&'static [u8]),
    /// Without this behind it.
    Without(&'static [u8]),
    Spaced(Style),
    Sorted,
}

const WRITINGS: [(BodyChange, Writing); 9] = [
    (BodyChange::LineEndRemoved, Writing::With(b"\n")),
    (BodyChange::LineEndRemoved, Writing::With(b"\r\n")),
    (BodyChange::LineEndAdded, Writing::Without(b"\n")),
    (BodyChange::LineEndAdded, Writing::Without(b"\r\n")),
    (BodyChange::SignedCompact, spaced(",", ":", None)),
    (BodyChange::SignedSpaced, spaced(", ", ": ", None)),
    (BodyChange::SignedIndented, spaced(",", ": ", Some(2))),
    (BodyChange::SignedIndented, spaced(",", ": ", Some(4))),
    (BodyChange::SignedSorted, Writing::Sorted),
];

const fn spaced(comma: &'static str, colon: &'static str, indent: Option<usize>) -> Writing {
    Writing::Spaced(Style {
        comma,
        colon,
        indent,
    })
}

impl Writing {
    /// Returns `body` so written, if it can be, within [`GROWTH`] and the budget.
    fn of<'a>(&self, body: &'a [u8], budget: &Budget) -> Option<Cow<'a, [u8]>> {
        if let Self::Without(end) = self {
            return body.strip_suffix(*end).map(Cow::Borrowed);
        }
        if !budget.allows(body.len()) {
            return None;
        }
        let most = GROWTH * body.len().max(SHORT);
        let mut written = Written::up_to(most.min(budget.left()), body.len());
        match self {
            Self::With(end) => {
                written.push(body);
                written.push(end);
            }
            Self::Spaced(style) => respace(body, style, &mut written),
            Self::Sorted => written.push(&sorted(body)?),
            Self::Without(_) => {}
        }
        let is_allowed = budget.allows(written.bytes.len());
        (is_allowed && !written.is_full).then_some(Cow::Owned(written.bytes))
    }
}

/// Bytes up to a number of them.
struct Written {
    bytes: Vec<u8>,
    most: usize,
    /// Something did not fit.
    is_full: bool,
}

impl Written {
    fn up_to(most: usize, likely: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(most.min(likely + SHORT)),
            most,
            is_full: false,
        }
    }

    fn push(&mut self, piece: &[u8]) {
        self.is_full |= piece.len() > self.most - self.bytes.len();
        if !self.is_full {
            self.bytes.extend_from_slice(piece);
        }
    }
}

/// How JSON is spaced.
struct Style {
    comma: &'static str,
    colon: &'static str,
    /// Spaces per level, each value on a line of its own.
    indent: Option<usize>,
}

/// Writes JSON with other white space; every string and number keeps its bytes.
fn respace(json: &[u8], style: &Style, written: &mut Written) {
    let mut depth = 0_usize;
    let mut rest = json;
    while let Some((byte, behind)) = rest.split_at_checked(1)
        && !written.is_full
    {
        rest = behind;
        match byte {
            b"\"" => {
                let (string, behind) = rest.split_at(string_len(rest));
                written.push(byte);
                written.push(string);
                rest = behind;
            }
            b"{" | b"[" => {
                depth += 1;
                written.push(byte);
                if !closes(rest) {
                    style.new_line(depth, written);
                }
            }
            b"}" | b"]" => {
                depth = depth.saturating_sub(1);
                if !matches!(written.bytes.last(), Some(b'{' | b'[')) {
                    style.new_line(depth, written);
                }
                written.push(byte);
            }
            b"," => {
                written.push(style.comma.as_bytes());
                style.new_line(depth, written);
            }
            b":" => written.push(style.colon.as_bytes()),
            b" " | b"\t" | b"\n" | b"\r" => {}
            _ => written.push(byte),
        }
    }
}

impl Style {
    fn new_line(&self, depth: usize, written: &mut Written) {
        if let Some(indent) = self.indent {
            written.push(b"\n");
            written.push(&SPACES[..(indent * depth).min(SPACES.len())]);
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

/// Nobody indents further.
const SPACES: [u8; 64] = [b' '; 64];

/// A body that was written anew is at most so many times as long as this one.
const GROWTH: usize = 4;

/// A shorter body may grow as one of this length.
const SHORT: usize = 1024;

/// The longest body whose white space is changed.
const MAX_RESPACED: usize = 1024 * 1024;

/// The longest body whose keys are sorted: parsed, it takes up to a hundred times its length.
const MAX_SORTED: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(body: &str, change: BodyChange) -> Vec<String> {
        before(body.as_bytes(), &Budget::of(Budget::WHOLE))
            .filter(|(found, _)| *found == change)
            .map(|(_, body)| String::from_utf8(body.into_owned()).unwrap())
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

    fn nested(half: usize) -> Vec<u8> {
        [b"[".repeat(half), b"]".repeat(half)].concat()
    }

    #[test]
    fn a_body_nested_beyond_reason_is_not_indented_and_costs_little() {
        let body = nested(512 * 1024);
        let budget = Budget::of(Budget::WHOLE);
        let made: Vec<_> = before(&body, &budget)
            .map(|(change, other)| (change, other.len() <= body.len() + 2))
            .collect();
        assert_eq!(made, [(BodyChange::LineEndRemoved, true); 2]);
        let spent = Budget::WHOLE - budget.left();
        // Read seven times, written four times as it is, and twice until it is four times as long.
        assert!(spent <= body.len() * 20, "{spent}");
    }

    #[test]
    fn a_body_that_nobody_asks_for_is_not_made() {
        let body = nested(1000);
        let budget = Budget::of(Budget::WHOLE);
        let mut bodies = before(&body, &budget);
        assert_eq!(budget.left(), Budget::WHOLE);
        bodies.next().unwrap();
        assert!(Budget::WHOLE - budget.left() <= 2 * (body.len() + 1 + 128));
    }

    #[test]
    fn nothing_is_written_beyond_the_budget_or_of_a_long_body() {
        use BodyChange::{SignedCompact, SignedIndented, SignedSorted, SignedSpaced};

        let body = br#"{"b": 1, "a": 2}"#;
        assert_eq!(before(body, &Budget::of(300)).count(), 1);
        assert_eq!(before(body, &Budget::of(body.len())).count(), 0);
        let changes = |length: usize| {
            let body = [&b"[ "[..], &b"1,".repeat(length / 2 - 2), b"1]"].concat();
            let budget = Budget::of(Budget::WHOLE);
            let made = before(&body, &budget).map(|(change, _)| change);
            made.skip(2).collect::<Vec<_>>()
        };
        let spaced = [SignedCompact, SignedSpaced, SignedIndented, SignedIndented];
        assert_eq!(changes(MAX_SORTED), [&spaced[..], &[SignedSorted]].concat());
        assert_eq!(changes(MAX_SORTED + 2), spaced);
        assert_eq!(changes(MAX_RESPACED), spaced);
        assert_eq!(changes(MAX_RESPACED + 2), []);
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
            for (_, body) in before(&json.unwrap(), &Budget::of(Budget::WHOLE)) {
                prop_assert_eq!(&serde_json::from_slice::<Value>(&body).unwrap(), &value);
            }
        }
    }
}
