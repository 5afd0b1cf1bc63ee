//! How signatures are made and judged. What the feature `ed25519` adds is gated here.

mod hmac;

#[cfg(feature = "ed25519")]
mod ed25519;

#[cfg(feature = "ed25519")]
use std::sync::Arc;

use self::hmac::HmacKey;
use super::config_error::ConfigError;
use super::content::Filling;
use super::encoding::SignatureEncoding;
use super::grammar::Parsed;
use super::key::{self, KeyForm, ShortKeys};
use super::scheme::Scheme;

/// What makes the signature, and what of a secret's text is its key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Algorithm {
    HmacSha256(KeyForm),
    /// Public keys are `whpk_…`, private ones `whsk_…`. Takes the message in one piece; nothing is
    /// signed behind the body.
    #[cfg(feature = "ed25519")]
    Ed25519,
}

/// Judges signatures.
pub(super) enum Key {
    HmacSha256(HmacKey),
    #[cfg(feature = "ed25519")]
    Ed25519(Arc<ed25519::PublicKey>),
}

/// A key at work on a message whose body may still have to come.
pub(super) enum Running {
    HmacSha256(hmac::Running),
    #[cfg(feature = "ed25519")]
    Ed25519(Arc<ed25519::PublicKey>),
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

    /// Returns whether the message has to be there in one piece, rather than piece by piece.
    pub(super) const fn takes_whole(self) -> bool {
        match self {
            Self::HmacSha256(_) => false,
            #[cfg(feature = "ed25519")]
            Self::Ed25519 => true,
        }
    }

    /// Returns the signed bytes up to the body, where the body has to be put behind them.
    pub(super) fn lead(self, filling: &Filling<'_>) -> Vec<u8> {
        let mut lead = Vec::new();
        if self.takes_whole() {
            filling.before_body(|piece| lead.extend_from_slice(piece));
        }
        lead
    }

    /// Returns the message in one piece, where the algorithm takes it so.
    pub(super) fn whole(self, filling: &Filling<'_>, body: &[u8]) -> Vec<u8> {
        let mut whole = self.lead(filling);
        if self.takes_whole() {
            whole.extend_from_slice(body);
        }
        whole
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
            Self::Ed25519 => {
                let key = ed25519::PublicKey::read(index, text)?;
                Ok(Key::Ed25519(Arc::new(key)))
            }
        }
    }

    /// Prepares the key in the secret at `index`, to sign with.
    pub(super) fn signing_key(
        self,
        index: usize,
        text: &str,
        short: ShortKeys,
    ) -> Result<SigningKey, ConfigError> {
        match self {
            Self::HmacSha256(form) => {
                let bytes = key::checked(form, index, text, short)?;
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

    /// Starts with what stands before the body.
    #[inline]
    pub(super) fn begin(&self, filling: &Filling<'_>) -> Running {
        match self {
            Self::HmacSha256(key) => Running::HmacSha256(key.begin(filling)),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => Running::Ed25519(Arc::clone(key)),
        }
    }
}

impl Running {
    /// Goes on with a piece of the body.
    #[inline]
    pub(super) fn update(&mut self, body: &[u8]) {
        match self {
            Self::HmacSha256(running) => running.update(body),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(_) => {}
        }
    }

    /// Returns whether one of the texts is a signature of the message, which is `whole` where the
    /// algorithm [takes it in one piece](Algorithm::lead).
    #[inline]
    pub(super) fn signed(
        self,
        filling: &Filling<'_>,
        #[cfg_attr(
            not(feature = "ed25519"),
            expect(unused_variables, reason = "HMAC runs")
        )]
        whole: &[u8],
        parsed: &Parsed<'_>,
        encoding: SignatureEncoding,
    ) -> bool {
        match self {
            Self::HmacSha256(running) => running.signed(filling, parsed, encoding),
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => key.signed(whole, parsed, encoding),
        }
    }
}

impl SigningKey {
    pub(super) fn sign(&self, filling: &Filling<'_>, body: &[u8]) -> Vec<u8> {
        match self {
            Self::HmacSha256(key) => {
                let mut running = key.begin(filling);
                running.update(body);
                running.finish(filling).to_vec()
            }
            #[cfg(feature = "ed25519")]
            Self::Ed25519(key) => key.sign(&Algorithm::Ed25519.whole(filling, body)),
        }
    }
}
