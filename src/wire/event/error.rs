//! Decoding errors.

/// Why a payload is not an event.
///
/// Names the fault and its position, and never quotes the payload.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The payload begins with a byte order mark.
    #[error("the payload begins with a byte order mark; JSON has none")]
    ByteOrderMark,
    /// The payload is not UTF-8.
    #[error("the payload is not UTF-8 from byte {valid_up_to}")]
    NotUtf8 {
        /// Number of valid bytes.
        valid_up_to: usize,
    },
    /// The payload is not JSON.
    #[error("the payload is not JSON: line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// An object has a key twice.
    #[error("the payload has the same key twice in one object: line {line}, column {column}")]
    DuplicateKey {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// A required field is missing.
    #[error("the payload has no `{field}`")]
    Missing {
        /// Its name; `event` stands for `event` or `type`.
        field: &'static str,
    },
    /// A field has a wrong type or form.
    #[error("`{field}` is not {expected}")]
    WrongType {
        /// Its name.
        field: &'static str,
        /// The required type or form.
        expected: &'static str,
    },
    /// The payload has both `event` and `type`, and they differ.
    #[error("the payload has both `event` and `type`, and they differ")]
    TwoNames,
    /// `data` is not the resource that the event's name promises.
    #[error("`data` is not a well-formed {resource}: `{field}` is missing or of a wrong type")]
    Resource {
        /// The name of the resource.
        resource: &'static str,
        /// The name of the field in JSON.
        field: &'static str,
    },
}
