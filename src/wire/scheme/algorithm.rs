//! Signature algorithms.

use super::key_form::KeyForm;
use super::template::Rendered;

/// A signature algorithm, with the form of its key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignatureAlgorithm {
    HmacSha256(KeyForm),
    /// Public keys are `whpk_…`, private keys `whsk_…`. Needs a contiguous message; the signed content
    /// ends with the body.
    #[cfg(feature = "ed25519")]
    Ed25519,
}

impl SignatureAlgorithm {
    /// Returns the form of the key, for shared keys.
    pub(crate) const fn key_form(self) -> Option<KeyForm> {
        match self {
            Self::HmacSha256(form) => Some(form),
            #[cfg(feature = "ed25519")]
            Self::Ed25519 => None,
        }
    }

    /// Returns the signed bytes before the body, if the algorithm needs a contiguous message.
    pub(crate) fn contiguous_start(self, rendered: &Rendered<'_>) -> Option<Vec<u8>> {
        self.key_form().is_none().then(|| {
            let mut start = Vec::new();
            rendered.before_body(|bytes| start.extend_from_slice(bytes));
            start
        })
    }
}
