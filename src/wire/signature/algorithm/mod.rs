//! Signing and verification keys of each algorithm. Gates the feature `ed25519`.

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
use crate::wire::scheme::{Parsed, Rendered, SignatureAlgorithm, SignatureEncoding};

/// A key that checks signatures.
pub(crate) enum VerificationKey {
    HmacSha256(HmacKey),
    #[cfg(feature = "ed25519")]
    Ed25519(ed25519::PublicKey),
}

/// A signature check in progress, while the body arrives.
pub(crate) enum RunningCheck {
    HmacSha256(hmac::HmacState),
    #[cfg(feature = "ed25519")]
    Ed25519(ed25519::PublicKey),
}

/// A key that signs.
pub(crate) enum WebhookSigningKey {
    HmacSha256(HmacKey),
    #[cfg(feature = "ed25519")]
    Ed25519(ed25519::PrivateKey),
}

impl VerificationKey {
    /// Prepares the key of the secret at `index`.
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

    /// Prepares an HMAC key from its bytes.
    pub(crate) fn hmac(bytes: &[u8]) -> Self {
        Self::HmacSha256(HmacKey::new(bytes))
    }

    /// Starts with the signed content before the body.
    #[inline]
    pub(crate) fn begin(&self, rendered: &Rendered<'_>) -> RunningCheck {
        match self {
            Self::HmacSha256(key) => RunningCheck::HmacSha256(key.begin(rendered)),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => RunningCheck::Ed25519(key.clone()),
        }
    }
}

impl RunningCheck {
    /// Adds a chunk of the body.
    #[inline]
    pub(crate) fn update(&mut self, body: &[u8]) {
        match self {
            Self::HmacSha256(running) => running.update(body),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(_) => {}
        }
    }

    /// Returns whether one of the texts is a signature of the message.
    ///
    /// `message` is the whole message if the algorithm needs it
    /// [contiguous](SignatureAlgorithm::contiguous_start).
    #[inline]
    pub(crate) fn has_signed(
        self,
        rendered: &Rendered<'_>,
        #[cfg_attr(
            not(feature = "ed25519"),
            expect(unused_variables, reason = "HMAC needs no contiguous message")
        )]
        message: &[u8],
        parsed: &Parsed<'_>,
        encoding: SignatureEncoding,
    ) -> bool {
        match self {
            Self::HmacSha256(running) => running.has_signed(rendered, parsed, encoding),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => key.has_signed(message, parsed, encoding),
        }
    }
}

impl WebhookSigningKey {
    /// Prepares the key of the secret at `index`.
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

    pub(crate) fn sign(&self, rendered: &Rendered<'_>, body: &[u8]) -> Vec<u8> {
        match self {
            Self::HmacSha256(key) => {
                let mut running = key.begin(rendered);
                running.update(body);
                running.finish(rendered).to_vec()
            }
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => key.sign(rendered, body),
        }
    }
}
