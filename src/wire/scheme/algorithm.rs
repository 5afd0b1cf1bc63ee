//! Which algorithm signs.

use super::key_form::KeyForm;

/// The algorithm that makes the signature, and how a secret's text becomes its key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignatureAlgorithm {
    HmacSha256(KeyForm),
    /// Public keys are `whpk_…`, private ones `whsk_…`. Needs the message in one piece; nothing is
    /// signed behind the body.
    #[cfg(feature = "ed25519")]
    Ed25519,
}

impl SignatureAlgorithm {
    /// Returns how a secret's text becomes the key, where keys are shared.
    pub(crate) const fn key_form(self) -> Option<KeyForm> {
        match self {
            Self::HmacSha256(form) => Some(form),
            #[cfg(feature = "ed25519")]
            Self::Ed25519 => None,
        }
    }

    /// Returns whether the message must be contiguous, rather than piece by piece.
    pub(crate) const fn needs_contiguous(self) -> bool {
        self.key_form().is_none()
    }
}
