//! JSON that is packed in a text.

use serde_json::Value;

use crate::wire::json::{lenient, strict};

/// The JSON that a text holds.
pub(super) struct PackedJson {
    /// An object, an array or another text.
    pub(super) value: Value,
    /// Whether every reader finds exactly this value in the text: no object has a name twice, and
    /// [`lenient`] omitted and replaced nothing.
    pub(super) exact: bool,
}

impl PackedJson {
    /// Reads a text that is an object, an array or a text in JSON; `None` for any other.
    pub(super) fn read(text: &str) -> Option<Self> {
        let blank = [' ', '\t', '\n', '\r', '\u{feff}'];
        if !text.trim_start_matches(blank).starts_with(['{', '[', '"']) {
            return None;
        }
        if let Ok(value) = strict::parse(text.as_bytes()) {
            return Some(Self { value, exact: true });
        }
        let value = lenient::read(text.as_bytes()).ok()?;
        Some(Self {
            value,
            exact: false,
        })
    }
}

/// Most levels of JSON packed in a text within a text. Each level costs a parse.
pub(super) const MAX_PACKED: usize = 4;
