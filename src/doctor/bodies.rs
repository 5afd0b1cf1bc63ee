//! Candidates for the original of a changed body.

use std::borrow::Cow;
use std::iter::once;

use serde::de::IgnoredAny;

use super::budget::Budget;
use super::diagnosis::BodyChange;
use super::rewrite::{JsonStyle, MARK, SPACINGS};
use super::strings::{EscapeUsage, StringStyle};

/// A possible signed body with its later changes.
pub(crate) type Original<'a> = (Vec<BodyChange>, Cow<'a, [u8]>);

/// Returns the possible originals of `body`, those with one change first.
///
/// The iterator creates each on demand and spends `budget` for it.
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

/// Text that was added to or removed from an end of a body.
enum EndChange {
    /// The signed body has this text in front.
    Led(&'static [u8]),
    /// The signed body lacks this text in front.
    NotLed(&'static [u8]),
    /// The signed body has this text behind.
    Ended(&'static [u8]),
    /// The signed body lacks this text behind.
    NotEnded(&'static [u8]),
}

const ENDS: [(BodyChange, EndChange); 6] = [
    (BodyChange::LineEndRemoved, EndChange::Ended(b"\n")),
    (BodyChange::LineEndRemoved, EndChange::Ended(b"\r\n")),
    (BodyChange::LineEndAdded, EndChange::NotEnded(b"\n")),
    (BodyChange::LineEndAdded, EndChange::NotEnded(b"\r\n")),
    (BodyChange::ByteOrderMarkRemoved, EndChange::Led(MARK)),
    (BodyChange::ByteOrderMarkAdded, EndChange::NotLed(MARK)),
];

impl EndChange {
    fn of<'a>(&self, body: &'a [u8], budget: &Budget) -> Option<Cow<'a, [u8]>> {
        let (before, behind): (&[u8], &[u8]) = match self {
            Self::NotLed(text) => return body.strip_prefix(*text).map(Cow::Borrowed),
            Self::NotEnded(text) => return body.strip_suffix(*text).map(Cow::Borrowed),
            Self::Led(text) => (text, b""),
            Self::Ended(text) => (b"", text),
        };
        // Counts reading and writing.
        let length = before.len() + body.len() + behind.len();
        let is_allowed = budget.allows(body.len()) && budget.allows(length);
        is_allowed.then(|| Cow::Owned([before, body, behind].concat()))
    }
}

/// Returns the styles with one change, then styles with several.
fn writings<'a>(json: &'a [u8], budget: &'a Budget) -> impl Iterator<Item = JsonStyle> {
    let spaced = SPACINGS.iter().map(|spacing| JsonStyle {
        spacing: Some(spacing),
        ..JsonStyle::default()
    });
    let sorted = JsonStyle {
        is_sorted: true,
        ..JsonStyle::default()
    };
    let marked = spaced.clone().map(|spaced| JsonStyle {
        is_marked: true,
        ..spaced
    });
    let both = spaced.clone();
    let others = once(()).flat_map(move |()| {
        let strings = strings(json, budget);
        let both = both.clone().flat_map({
            let strings = strings.clone();
            move |JsonStyle { spacing, .. }| {
                let strings = strings.clone().into_iter();
                strings.map(move |writing| JsonStyle { spacing, ..writing })
            }
        });
        strings.into_iter().chain(marked.clone()).chain(both)
    });
    // Sorting also rewrites strings and white space, so smaller changes come first.
    spaced.chain(others).chain(once(sorted))
}

/// Returns the possible string styles; none if there is only one.
fn strings(json: &[u8], budget: &Budget) -> Vec<JsonStyle> {
    if !budget.allows(json.len()) {
        return Vec::new();
    }
    let found = EscapeUsage::of(json);
    let styles = found.styles();
    if styles.len() == 1 {
        return Vec::new();
    }
    let writing = |style: StringStyle| JsonStyle {
        strings: Some((found.changes_since(&style), style)),
        ..JsonStyle::default()
    };
    styles.into_iter().map(writing).collect()
}

/// Limit of a body for a change of white space.
const MAX_RESPACED: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::doctor::rewrite::MAX_SORTED;

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
