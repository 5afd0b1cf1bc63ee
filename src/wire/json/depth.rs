//! Nesting depth of a payload.

use serde_json::{Map, Value};

/// Returns whether `fields` is nested deeper than `levels` objects and arrays, itself included. Stops
/// at that depth.
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

/// Deepest nesting of objects and arrays in an event's `data`, itself included: 64.
///
/// Many JSON readers refuse more than about 100 levels (`serde_json`: 127), and the envelope adds one
/// level. Documented resources have 3 levels.
pub const MAX_DEPTH: usize = 64;
