//! Why bytes are not an event.

/// Why a payload is not an event.
///
/// Says what and where, and never quotes the payload.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The payload begins with a byte order mark.
    #[error("the payload begins with a byte order mark; JSON has none")]
    ByteOrderMark,
    /// The payload is not UTF-8.
    #[error("the payload is not UTF-8 from byte {valid_up_to}")]
    NotUtf8 {
        /// How many bytes are.
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
    /// An object has the same key twice.
    #[error("the payload has the same key twice in one object: line {line}, column {column}")]
    DuplicateKey {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
    },
    /// A field that every event has is missing.
    #[error("the payload has no `{field}`")]
    Missing {
        /// Its name; `event` stands for `event` or `type`.
        field: &'static str,
    },
    /// A field has another type or form than it must have.
    #[error("`{field}` is not {expected}")]
    WrongType {
        /// Its name.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The payload has both `event` and `type`, and they differ.
    #[error("the payload has both `event` and `type`, and they differ")]
    TwoNames,
    /// `data` is not the resource that the event's name promises.
    #[error("`data` is not a well-formed {resource}: `{field}` is missing or of a wrong type")]
    Resource {
        /// Which resource.
        resource: &'static str,
        /// The field that is missing or of a wrong type, by its name in JSON.
        field: &'static str,
    },
}
