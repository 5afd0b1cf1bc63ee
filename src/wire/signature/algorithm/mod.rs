//! Keys at work: how signatures are made and checked. What the feature `ed25519` adds is gated here.

mod hmac;

#[cfg(feature = "ed25519")]
mod ed25519;
#[cfg(feature = "_outbox")]
mod generate;

#[cfg(feature = "_outbox")]
pub(crate) use self::generate::{generate_secret, receiver_secret};
use self::hmac::HmacKey;
use super::config_error::WebhookConfigError;
use super::key::{self, ShortKeys};
use crate::wire::scheme::{Filling, Parsed, SignatureAlgorithm, SignatureEncoding};

/// Checks signatures.
pub(crate) enum Key {
    HmacSha256(HmacKey),
    #[cfg(feature = "ed25519")]
    Ed25519(ed25519::PublicKey),
}

/// A key at work on a message whose body may still have to come.
pub(crate) enum Running {
    HmacSha256(hmac::Running),
    #[cfg(feature = "ed25519")]
    Ed25519(ed25519::Running),
}

/// Makes signatures.
pub(crate) enum SigningKey {
    HmacSha256(HmacKey),
    #[cfg(feature = "ed25519")]
    Ed25519(ed25519::PrivateKey),
}

impl Key {
    /// Prepares the key in the secret at `index`.
    pub(crate) fn new(
        algorithm: SignatureAlgorithm,
        index: usize,
        text: &str,
        short: ShortKeys,
    ) -> Result<Self, WebhookConfigError> {
        match algorithm {
            SignatureAlgorithm::HmacSha256(form) => {
                Ok(Self::hmac(&key::checked(form, index, text, short)?))
            }
            #[cfg(feature = "ed25519")]
            SignatureAlgorithm::Ed25519 => ed25519::PublicKey::read(index, text).map(Self::Ed25519),
        }
    }

    /// Prepares a key whose bytes are known.
    pub(crate) fn hmac(bytes: &[u8]) -> Self {
        Self::HmacSha256(HmacKey::new(bytes))
    }

    /// Starts with what stands before the body.
    #[inline]
    pub(crate) fn begin(&self, filling: &Filling<'_>) -> Running {
        match self {
            Self::HmacSha256(key) => Running::HmacSha256(key.begin(filling)),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => Running::Ed25519(key.begin(filling)),
        }
    }
}

impl Running {
    /// Goes on with a piece of the body.
    #[inline]
    pub(crate) fn update(&mut self, body: &[u8]) {
        match self {
            Self::HmacSha256(running) => running.update(body),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(running) => running.update(body),
        }
    }

    /// Returns whether one of the texts is a signature of the message.
    #[inline]
    pub(crate) fn has_signed(
        self,
        filling: &Filling<'_>,
        parsed: &Parsed<'_>,
        encoding: SignatureEncoding,
    ) -> bool {
        match self {
            Self::HmacSha256(running) => running.has_signed(filling, parsed, encoding),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(running) => running.has_signed(parsed, encoding),
        }
    }
}

impl SigningKey {
    /// Prepares the key in the secret at `index`.
    pub(crate) fn new(
        algorithm: SignatureAlgorithm,
        index: usize,
        text: &str,
        short: ShortKeys,
    ) -> Result<Self, WebhookConfigError> {
        match algorithm {
            SignatureAlgorithm::HmacSha256(form) => {
                let bytes = key::checked(form, index, text, short)?;
                Ok(Self::HmacSha256(HmacKey::new(&bytes)))
            }
            #[cfg(feature = "ed25519")]
            SignatureAlgorithm::Ed25519 => {
                ed25519::PrivateKey::read(index, text).map(Self::Ed25519)
            }
        }
    }

    pub(crate) fn sign(&self, filling: &Filling<'_>, body: &[u8]) -> Vec<u8> {
        match self {
            Self::HmacSha256(key) => {
                let mut running = key.begin(filling);
                running.update(body);
                running.finish(filling).to_vec()
            }
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => key.sign(filling, body),
        }
    }
}
