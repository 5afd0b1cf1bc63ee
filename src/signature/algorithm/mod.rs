//! How signatures are made and judged. What the feature `ed25519` adds is gated here.

mod hmac;

#[cfg(feature = "ed25519")]
mod ed25519;

use self::hmac::HmacKey;
use super::config_error::ConfigError;
use super::content::Message;
use super::encoding::SignatureEncoding;
use super::grammar::Parsed;
use super::key::{self, KeyForm, ShortKeys};
use super::scheme::Scheme;

/// What makes the signature, and what of a secret's text is its key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Algorithm {
    HmacSha256(KeyForm),
    /// Public keys are `whpk_…`, private ones `whsk_…`.
    #[cfg(feature = "ed25519")]
    Ed25519,
}

/// Judges signatures.
pub(super) enum Key {
    HmacSha256(HmacKey),
    #[cfg(feature = "ed25519")]
    Ed25519(ed25519::PublicKey),
}

/// Makes signatures.
pub(super) enum SigningKey {
    HmacSha256(HmacKey),
    #[cfg(feature = "ed25519")]
    Ed25519(ed25519::PrivateKey),
}

/// The presets that need more than HMAC.
#[cfg(feature = "ed25519")]
pub(super) const PRESETS: &[fn() -> Scheme] = &[Scheme::standard_webhooks_v1a];
#[cfg(not(feature = "ed25519"))]
pub(super) const PRESETS: &[fn() -> Scheme] = &[];

impl Algorithm {
    /// Returns what of a secret is the key, where keys are shared.
    pub(super) const fn key_form(self) -> Option<KeyForm> {
        match self {
            Self::HmacSha256(form) => Some(form),
            #[cfg(feature = "ed25519")]
            Self::Ed25519 => None,
        }
    }

    /// Prepares the key in the secret at `index`.
    pub(super) fn key(
        self,
        index: usize,
        text: &str,
        short: ShortKeys,
    ) -> Result<Key, ConfigError> {
        match self {
            Self::HmacSha256(form) => {
                let bytes = key::checked(form, index, text, short)?;
                Ok(Key::HmacSha256(HmacKey::new(&bytes)))
            }
            #[cfg(feature = "ed25519")]
            Self::Ed25519 => ed25519::PublicKey::read(index, text).map(Key::Ed25519),
        }
    }

    /// Prepares the key in the secret at `index`, to sign with.
    pub(super) fn signing_key(self, index: usize, text: &str) -> Result<SigningKey, ConfigError> {
        match self {
            Self::HmacSha256(form) => {
                let bytes = key::checked(form, index, text, ShortKeys::Refused)?;
                Ok(SigningKey::HmacSha256(HmacKey::new(&bytes)))
            }
            #[cfg(feature = "ed25519")]
            Self::Ed25519 => ed25519::PrivateKey::read(index, text).map(SigningKey::Ed25519),
        }
    }
}

impl Key {
    /// Prepares a key whose bytes are known.
    pub(super) fn hmac(bytes: &[u8]) -> Self {
        Self::HmacSha256(HmacKey::new(bytes))
    }

    /// Returns whether one of the texts is a signature of the message.
    pub(super) fn signed(
        &self,
        message: &Message<'_>,
        parsed: &Parsed<'_>,
        encoding: SignatureEncoding,
    ) -> bool {
        match self {
            Self::HmacSha256(key) => key.signed(message, parsed, encoding),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => key.signed(message, parsed, encoding),
        }
    }
}

impl SigningKey {
    pub(super) fn sign(&self, message: &Message<'_>) -> Vec<u8> {
        match self {
            Self::HmacSha256(key) => key.mac(message).to_vec(),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => key.sign(message),
        }
    }
}
