//! What a body may have been before something on the way wrote it anew.

use std::borrow::Cow;
use std::iter::once;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::budget::Budget;
use super::diagnosis::BodyChange;
use super::strings::{Found, Strings, split_string};

/// A body that may have been signed, and what then happened to it.
pub(crate) type Original<'a> = (Vec<BodyChange>, Cow<'a, [u8]>);

/// Returns the bodies that may have been signed in place of `body`: those with one change first.
///
/// Each is made when it is asked for, and out of `budget`.
pub(crate) fn before<'a>(body: &'a [u8], budget: &'a Budget) -> impl Iterator<Item = Original<'a>> {
    let ends = ENDS.iter().filter_map(move |(change, end)| {
        let other = end.of(body, budget)?;
        Some((vec![*change], other))
    });
    let is_marked = body.starts_with(MARK);
    let json = if is_marked { &body[MARK.len()..] } else { body };
    let is_json = move || {
        let is_allowed = json.len() <= MAX_RESPACED && budget.allows(json.len());
        is_allowed && serde_json::from_slice::<IgnoredAny>(json).is_ok()
    };
    let written = once(()).filter(move |()| is_json());
    let written = written.flat_map(move |()| writings(json, budget));
    let written = written.filter_map(move |writing| {
        let other = writing.of(json, budget)?;
        let mark = is_marked.then_some(BodyChange::ByteOrderMarkAdded);
        let changes = mark.into_iter().chain(writing.changes());
        Some((changes.collect(), Cow::Owned(other)))
    });
    ends.chain(written)
}

/// What may have been put before or behind a body, or cut off.
enum End {
    /// It was signed with this in front of it.
    Led(&'static [u8]),
    /// It was signed without.
    NotLed(&'static [u8]),
    /// It was signed with this behind it.
    Ended(&'static [u8]),
    /// It was signed without.
    NotEnded(&'static [u8]),
}

const ENDS: [(BodyChange, End); 6] = [
    (BodyChange::LineEndRemoved, End::Ended(b"\n")),
    (BodyChange::LineEndRemoved, End::Ended(b"\r\n")),
    (BodyChange::LineEndAdded, End::NotEnded(b"\n")),
    (BodyChange::LineEndAdded, End::NotEnded(b"\r\n")),
    (BodyChange::ByteOrderMarkRemoved, End::Led(MARK)),
    (BodyChange::ByteOrderMarkAdded, End::NotLed(MARK)),
];

impl End {
    fn of<'a>(&self, body: &'a [u8], budget: &Budget) -> Option<Cow<'a, [u8]>> {
        let (before, behind): (&[u8], &[u8]) = match self {
            Self::NotLed(text) => return body.strip_prefix(*text).map(Cow::Borrowed),
            Self::NotEnded(text) => return body.strip_suffix(*text).map(Cow::Borrowed),
            Self::Led(text) => (text, b""),
            Self::Ended(text) => (b"", text),
        };
        // Read and written.
        let length = before.len() + body.len() + behind.len();
        let is_allowed = budget.allows(body.len()) && budget.allows(length);
        is_allowed.then(|| Cow::Owned([before, body, behind].concat()))
    }
}

/// How a program may have written the JSON.
#[derive(Clone, Default)]
struct Writing {
    /// Whether a byte order mark was in front.
    is_marked: bool,
    spacing: Option<&'static (BodyChange, Style)>,
    /// With what happened to the strings.
    strings: Option<(Vec<BodyChange>, Strings)>,
    is_sorted: bool,
}

/// Returns the writings of one change, then those of more.
fn writings<'a>(json: &'a [u8], budget: &'a Budget) -> impl Iterator<Item = Writing> {
    let spaced = SPACINGS.iter().map(|spacing| Writing {
        spacing: Some(spacing),
        ..Writing::default()
    });
    let sorted = Writing {
        is_sorted: true,
        ..Writing::default()
    };
    let marked = spaced.clone().map(|spaced| Writing {
        is_marked: true,
        ..spaced
    });
    let both = spaced.clone();
    let others = once(()).flat_map(move |()| {
        let strings = strings(json, budget);
        let both = both.clone().flat_map({
            let strings = strings.clone();
            move |Writing { spacing, .. }| {
                let strings = strings.clone().into_iter();
                strings.map(move |writing| Writing { spacing, ..writing })
            }
        });
        strings.into_iter().chain(marked.clone()).chain(both)
    });
    // It writes strings and white space anew, too: what explains the same with less goes first.
    spaced.chain(others).chain(once(sorted))
}

/// Returns the ways in which the strings may have been written; none if there is but one.
fn strings(json: &[u8], budget: &Budget) -> Vec<Writing> {
    if !budget.allows(json.len()) {
        return Vec::new();
    }
    let found = Found::of(json);
    let styles = found.styles();
    if styles.len() == 1 {
        return Vec::new();
    }
    let writing = |style: Strings| Writing {
        strings: Some((found.changes_since(&style), style)),
        ..Writing::default()
    };
    styles.into_iter().map(writing).collect()
}

const SPACINGS: [(BodyChange, Style); 4] = [
    (BodyChange::SignedCompact, style(",", ":", None)),
    (BodyChange::SignedSpaced, style(", ", ": ", None)),
    (BodyChange::SignedIndented, style(",", ": ", Some(2))),
    (BodyChange::SignedIndented, style(",", ": ", Some(4))),
];

const fn style(comma: &'static str, colon: &'static str, indent: Option<usize>) -> Style {
    Style {
        comma,
        colon,
        indent,
    }
}

impl Writing {
    fn changes(&self) -> impl Iterator<Item = BodyChange> {
        let mark = self.is_marked.then_some(BodyChange::ByteOrderMarkRemoved);
        let strings = self
            .strings
            .iter()
            .flat_map(|(changes, _)| changes.iter().copied());
        let spacing = self.spacing.iter().map(|(change, _)| *change);
        let sorted = self.is_sorted.then_some(BodyChange::SignedSorted);
        mark.into_iter().chain(strings).chain(spacing).chain(sorted)
    }

    /// Returns `json` so written, if that is something else, within [`GROWTH`] and the budget.
    fn of(&self, json: &[u8], budget: &Budget) -> Option<Vec<u8>> {
        if (self.is_sorted && json.len() > MAX_SORTED) || !budget.allows(json.len()) {
            return None;
        }
        let most = GROWTH * json.len().max(SHORT);
        let mut written = Written::up_to(most.min(budget.left()), json.len());
        if self.is_sorted {
            written.push(&sorted(json)?);
        } else {
            let style = self.spacing.map(|(_, style)| style);
            let strings = self.strings.as_ref().map(|(_, strings)| strings);
            rewrite(json, style, strings, &mut written);
        }
        let is_allowed = budget.allows(written.bytes.len());
        if !is_allowed || written.is_full || written.bytes == json {
            return None;
        }
        if self.is_marked {
            written.bytes.splice(..0, MARK.iter().copied());
        }
        Some(written.bytes)
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

/// Writes JSON with other white space, or other strings; what is to stay keeps its bytes.
fn rewrite(json: &[u8], style: Option<&Style>, strings: Option<&Strings>, written: &mut Written) {
    let mut depth = 0_usize;
    let mut rest = json;
    while let Some((byte, behind)) = rest.split_at_checked(1)
        && !written.is_full
    {
        rest = behind;
        match (byte, style) {
            (b"\"", _) => {
                let (string, behind) = split_string(rest);
                written.push(byte);
                match strings {
                    Some(strings) => strings.write(string, |piece| written.push(piece)),
                    None => written.push(string),
                }
                written.push(byte);
                rest = behind;
            }
            (_, None) => written.push(byte),
            (b"{" | b"[", Some(style)) => {
                depth += 1;
                written.push(byte);
                if !closes(rest) {
                    style.new_line(depth, written);
                }
            }
            (b"}" | b"]", Some(style)) => {
                depth = depth.saturating_sub(1);
                if !matches!(written.bytes.last(), Some(b'{' | b'[')) {
                    style.new_line(depth, written);
                }
                written.push(byte);
            }
            (b",", Some(style)) => {
                written.push(style.comma.as_bytes());
                style.new_line(depth, written);
            }
            (b":", Some(style)) => written.push(style.colon.as_bytes()),
            (b" " | b"\t" | b"\n" | b"\r", _) => {}
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

/// The byte order mark of UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

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
            .filter(|(found, _)| *found == [change])
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
            .map(|(changes, other)| (changes, other.len() - body.len()))
            .collect();
        let expected = [
            (vec![BodyChange::LineEndRemoved], 1),
            (vec![BodyChange::LineEndRemoved], 2),
            (vec![BodyChange::ByteOrderMarkRemoved], 3),
        ];
        assert_eq!(made, expected);
        let spent = Budget::WHOLE - budget.left();
        // Read thirteen times, written seven times as it is, and four times until it is four times as
        // long.
        assert!(spent <= body.len() * 37, "{spent}");
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
            let made = before(&body, &budget).filter(|(changes, _)| changes.len() == 1);
            made.skip(3)
                .map(|(changes, _)| changes[0])
                .collect::<Vec<_>>()
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
                let body = body.strip_prefix(MARK).unwrap_or(&body);
                prop_assert_eq!(&serde_json::from_slice::<Value>(body).unwrap(), &value);
            }
        }
    }
}
