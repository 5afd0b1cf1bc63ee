//! Rewriting of JSON: spacing, strings and the order of keys.

use serde_json::{Map, Value};

use super::budget::Budget;
use super::diagnosis::BodyChange;
use super::string_units::split_string;
use super::strings::StringStyle;

/// A possible style of the original JSON.
#[derive(Clone, Default)]
pub(crate) struct JsonStyle {
    /// Whether the original begins with a byte order mark.
    pub(crate) is_marked: bool,
    pub(crate) spacing: Option<&'static (BodyChange, SpacingStyle)>,
    /// The string style with the resulting changes.
    pub(crate) strings: Option<(Vec<BodyChange>, StringStyle)>,
    pub(crate) is_sorted: bool,
}

impl JsonStyle {
    pub(crate) fn changes(&self) -> impl Iterator<Item = BodyChange> {
        let mark = self.is_marked.then_some(BodyChange::ByteOrderMarkRemoved);
        let strings = self
            .strings
            .iter()
            .flat_map(|(changes, _)| changes.iter().copied());
        let spacing = self.spacing.iter().map(|(change, _)| *change);
        let sorted = self.is_sorted.then_some(BodyChange::SignedSorted);
        mark.into_iter().chain(strings).chain(spacing).chain(sorted)
    }

    /// Returns `json` in this style, if it differs and is within [`GROWTH`] and the budget.
    pub(crate) fn of(&self, json: &[u8], budget: &Budget) -> Option<Vec<u8>> {
        if (self.is_sorted && json.len() > MAX_SORTED) || !budget.allows(json.len()) {
            return None;
        }
        let most = GROWTH * json.len().max(SHORT);
        let mut written = BoundedBuffer::up_to(most.min(budget.left()), json.len());
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

/// A buffer with a limit.
struct BoundedBuffer {
    bytes: Vec<u8>,
    most: usize,
    /// Whether a chunk exceeded the limit.
    is_full: bool,
}

impl BoundedBuffer {
    fn up_to(most: usize, likely: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(most.min(likely + SHORT)),
            most,
            is_full: false,
        }
    }

    fn push(&mut self, chunk: &[u8]) {
        self.is_full |= chunk.len() > self.most - self.bytes.len();
        if !self.is_full {
            self.bytes.extend_from_slice(chunk);
        }
    }
}

/// White space of JSON.
pub(crate) struct SpacingStyle {
    comma: &'static str,
    colon: &'static str,
    /// Spaces per level, with each value on its own line.
    indent: Option<usize>,
}

/// Writes JSON with other white space or other strings, and keeps all other bytes.
fn rewrite(
    json: &[u8],
    style: Option<&SpacingStyle>,
    strings: Option<&StringStyle>,
    written: &mut BoundedBuffer,
) {
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
                    Some(strings) => strings.write(string, |chunk| written.push(chunk)),
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

impl SpacingStyle {
    fn new_line(&self, depth: usize, written: &mut BoundedBuffer) {
        if let Some(indent) = self.indent {
            written.push(b"\n");
            written.push(&SPACES[..(indent * depth).min(SPACES.len())]);
        }
    }
}

/// Returns whether the next byte after white space is a closing bracket.
fn closes(rest: &[u8]) -> bool {
    let next = rest.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(next, Some(b'}' | b']'))
}

/// Returns the JSON with sorted keys.
fn sorted(json: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(json).ok()?;
    sort(&mut value);
    serde_json::to_vec(&value).ok()
}

/// `serde_json` keeps the order of insertion if another crate enables that feature.
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
pub(crate) const MARK: &[u8] = "\u{feff}".as_bytes();

/// Limit of the indentation.
const SPACES: [u8; 64] = [b' '; 64];

/// Limit of a rewritten body, in lengths of the received one.
const GROWTH: usize = 4;

/// A shorter body has the limit of a body of this length.
const SHORT: usize = 1024;

/// Limit of a body for sorted keys: its parsed form takes up to a hundred times its length.
pub(crate) const MAX_SORTED: usize = 64 * 1024;

pub(crate) const SPACINGS: [(BodyChange, SpacingStyle); 4] = [
    (BodyChange::SignedCompact, style(",", ":", None)),
    (BodyChange::SignedSpaced, style(", ", ": ", None)),
    (BodyChange::SignedIndented, style(",", ": ", Some(2))),
    (BodyChange::SignedIndented, style(",", ": ", Some(4))),
];

const fn style(comma: &'static str, colon: &'static str, indent: Option<usize>) -> SpacingStyle {
    SpacingStyle {
        comma,
        colon,
        indent,
    }
}
