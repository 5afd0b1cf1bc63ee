//! Errors of [`SchemeBuilder`](super::builder::SchemeBuilder).

use super::template::ContentError;

/// Why a scheme cannot be built.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SchemeError {
    /// The name is a preset's, or not 1 to 64 visible ASCII characters.
    #[error("a scheme's name has 1 to 64 visible ASCII characters and is no preset's")]
    Name,
    /// The name of a header is not valid or is used twice.
    #[error("`{name}` is not a valid header name, or two headers have it")]
    Header {
        /// The given text.
        name: &'static str,
    },
    /// The prefix or version contains characters that the grammar reserves.
    #[error("the prefix or version `{text}` has characters that the grammar reserves")]
    Prefix {
        /// The given text.
        text: &'static str,
    },
    /// The template of the signed content is wrong.
    #[error("the template of the signed content is wrong")]
    Content(#[from] ContentError),
    /// The time is sent but not signed, which proves nothing, or signed but not sent.
    #[error("`{{t}}` must be in the signed content exactly where the request has a time")]
    Time,
    /// The id is signed without an id header, or has two places.
    #[error("`{{id}}` in the signed content needs an id header, and no id in the body beside it")]
    Id,
    /// The id pointer is not a JSON pointer to an object member.
    #[error(
        "the place of the id in the body must be a JSON pointer to a member, such as `/id`, without array indices and without `~`"
    )]
    Pointer,
    /// The tolerance is below 1 s or above 1 h.
    #[error("the tolerance for timestamps must be between 1 s and 1 h")]
    Tolerance,
}
