//! How deep a payload is nested.

use serde_json::{Map, Value};

/// Returns whether `fields`, itself counted, has more than `levels` objects and arrays within each
/// other. Looks no deeper than that.
pub(crate) fn is_deeper(fields: &Map<String, Value>, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else {
        return true;
    };
    fields.values().any(|value| value_is_deeper(value, below))
}

fn value_is_deeper(value: &Value, levels: usize) -> bool {
    match (value, levels.checked_sub(1)) {
        (Value::Array(_), None) => true,
        (Value::Array(items), Some(below)) => items.iter().any(|it| value_is_deeper(it, below)),
        (Value::Object(fields), _) => is_deeper(fields, levels),
        _ => false,
    }
}

/// How many objects and arrays an event's `data` may have within each other, itself counted: 64.
///
/// Many readers of JSON refuse what is nested deeper than about 100 (`serde_json`: 127), and the
/// envelope is one level more. Documented resources have 3 levels.
pub const MAX_DEPTH: usize = 64;
