//! Verification errors.

use std::time::Duration;

use http::HeaderName;

use crate::wire::problem::ProblemKind;
use crate::wire::scheme::Seconds;

/// Why a request's signature is refused.
///
/// The text is for operators. The response to the sender shows only [`kind`](Self::kind).
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VerifyError {
    /// A required header is missing or empty.
    #[error("header {header} is missing or empty")]
    Missing {
        /// The name of the header.
        header: HeaderName,
    },
    /// The header has no signature of the scheme's version.
    #[error("header {header} has no signature of a known version")]
    NoSignature {
        /// The name of the header.
        header: HeaderName,
    },
    /// A header is repeated: a proxy may use another of its values.
    #[error("header {header} is repeated")]
    Repeated {
        /// The name of the header.
        header: HeaderName,
    },
    /// A header's value is longer than 1 KiB.
    #[error("header {header} is longer than 1 KiB")]
    TooLong {
        /// The name of the header.
        header: HeaderName,
    },
    /// A header's value has white space, a control character or a byte beyond ASCII that the scheme
    /// does not allow.
    #[error("header {header} has a character that is not allowed")]
    BadCharacter {
        /// The name of the header.
        header: HeaderName,
    },
    /// An id is empty, longer than 256 bytes, not visible ASCII, or contains the character that ends it
    /// in the signed content: a full stop in all presets.
    #[error("header {header} has no valid message id")]
    BadId {
        /// The name of the header.
        header: HeaderName,
    },
    /// The header has more than 8 signatures.
    #[error("header {header} has more than 8 signatures")]
    TooManySignatures {
        /// The name of the header.
        header: HeaderName,
    },
    /// The signature header does not have exactly one time.
    #[error("header {header} does not have exactly one `t`")]
    NotOneTime {
        /// The name of the header.
        header: HeaderName,
    },
    /// The time is not 1 to 15 digits without a leading zero.
    #[error("header {header} has no timestamp of 1 to 15 digits")]
    BadTime {
        /// The name of the header.
        header: HeaderName,
    },
    /// The timestamp header does not equal the signed time byte for byte.
    #[error("header {header} differs from the signed time")]
    TimesDiffer {
        /// The name of the header.
        header: HeaderName,
    },
    /// The time is further in the past than the tolerance.
    #[error("the timestamp is {} s old", Seconds(*age))]
    TooOld {
        /// The age of the signature.
        age: Duration,
    },
    /// The time is further in the future than the tolerance.
    #[error("the timestamp is {} s ahead", Seconds(*lead))]
    TooNew {
        /// How far the time is ahead.
        lead: Duration,
    },
    /// No signature matches this content under any key.
    #[error("no signature matches")]
    Mismatch,
    /// The receiver's clock reads 1970, so it can check neither freshness nor the end of a secret.
    #[error("the clock is not set")]
    ClockNotSet,
}

impl VerifyError {
    /// Returns the problem of the response.
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
