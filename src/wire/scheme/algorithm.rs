//! Signature algorithms.

use super::key_form::KeyForm;

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

    /// Returns whether the algorithm needs a contiguous message instead of chunks.
    pub(crate) const fn needs_contiguous(self) -> bool {
        self.key_form().is_none()
    }
}
