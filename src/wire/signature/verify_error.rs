//! Why a request is refused.

use std::time::Duration;

use http::HeaderName;

use crate::wire::problem::ProblemKind;
use crate::wire::scheme::Seconds;

/// Why a request's signature was not accepted.
///
/// The text is for operators. A stranger gets no more than [`kind`](Self::kind).
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VerifyError {
    /// A header that the scheme needs is not there, or is empty.
    #[error("header {header} is missing or empty")]
    Missing {
        /// Its name.
        header: HeaderName,
    },
    /// The header has no signature of the version that the scheme reads.
    #[error("header {header} has no signature of a known version")]
    NoSignature {
        /// Its name.
        header: HeaderName,
    },
    /// A header is there more than once: whatever stands in front may have read the other one.
    #[error("header {header} is there more than once")]
    Repeated {
        /// Its name.
        header: HeaderName,
    },
    /// A header's value is longer than 1 KiB.
    #[error("header {header} is longer than 1 KiB")]
    TooLong {
        /// Its name.
        header: HeaderName,
    },
    /// A header's value has white space, a control character or a byte beyond ASCII where the
    /// scheme has none.
    #[error("header {header} has a character that does not belong there")]
    BadCharacter {
        /// Its name.
        header: HeaderName,
    },
    /// An id is empty, longer than 256 bytes, not visible ASCII, or holds the character that ends it
    /// in the signed content, which is a full stop in all presets.
    #[error("header {header} holds no message id")]
    BadId {
        /// Its name.
        header: HeaderName,
    },
    /// There are more than 8 signatures.
    #[error("header {header} has more than 8 signatures")]
    TooManySignatures {
        /// Its name.
        header: HeaderName,
    },
    /// There is not exactly one time in the signature header.
    #[error("header {header} does not have exactly one `t`")]
    NotOneTime {
        /// Its name.
        header: HeaderName,
    },
    /// The time is not 1 to 15 digits without a leading zero.
    #[error("header {header} has no timestamp of 1 to 15 digits")]
    BadTime {
        /// Its name.
        header: HeaderName,
    },
    /// The timestamp header is not the signed time, byte for byte.
    #[error("header {header} differs from the signed time")]
    TimesDiffer {
        /// Its name.
        header: HeaderName,
    },
    /// The time lies further in the past than the tolerance.
    #[error("the timestamp is {} s old", Seconds(*age))]
    TooOld {
        /// How far back it lies.
        age: Duration,
    },
    /// The time lies further in the future than the tolerance.
    #[error("the timestamp is {} s ahead", Seconds(*lead))]
    TooNew {
        /// How far ahead it lies.
        lead: Duration,
    },
    /// No signature was made from this content with one of the keys.
    #[error("no signature matches")]
    Mismatch,
    /// This side's clock reads 1970: nothing can be said about freshness, nor about the end of a
    /// secret.
    #[error("the clock is not set")]
    ClockNotSet,
}

impl VerifyError {
    /// Returns the problem to answer with.
    #[must_use]
    pub const fn kind(&self) -> ProblemKind {
        match self {
            Self::Missing { .. } | Self::NoSignature { .. } => ProblemKind::SIGNATURE_MISSING,
            Self::Repeated { .. }
            | Self::TooLong { .. }
            | Self::BadCharacter { .. }
            | Self::BadId { .. }
            | Self::TooManySignatures { .. }
            | Self::NotOneTime { .. }
            | Self::BadTime { .. }
            | Self::TimesDiffer { .. } => ProblemKind::HEADER_MALFORMED,
            Self::TooOld { .. } | Self::TooNew { .. } => ProblemKind::TIMESTAMP_STALE,
            Self::Mismatch => ProblemKind::SIGNATURE_MISMATCH,
            Self::ClockNotSet => ProblemKind::INTERNAL,
        }
    }
}
