//! From a secret's text to the bytes of its key.

use std::ops::RangeInclusive;

use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

use super::config_error::ConfigError;
use crate::clock::UnixMillis;
use crate::secret::{Secret, SecretError};

/// What of a secret's text is the key of an HMAC.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyForm {
    /// The UTF-8 bytes of the whole text.
    Text,
    /// The UTF-8 bytes of the text after `whsec_`, which may be missing.
    TextAfterPrefix,
    /// The text after `whsec_`, which may be missing, decoded from base64 (standard alphabet with
    /// padding).
    Base64,
    /// As [`Base64`](Self::Base64); `v1,` may stand before `whsec_`, the form that Supabase shows.
    VersionedBase64,
    /// The text, decoded from hex digits of either case.
    Hex,
}

impl KeyForm {
    /// Returns the key; `None` if the text is not of this form.
    pub(super) fn bytes(self, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bare = text.strip_prefix(PREFIX).unwrap_or(text);
        let bytes = match self {
            Self::Text => text.as_bytes().to_vec(),
            Self::TextAfterPrefix => bare.as_bytes().to_vec(),
            Self::Base64 => Base64::decode_vec(bare).ok()?,
            Self::VersionedBase64 => {
                let inner = text.strip_prefix("v1,");
                let inner = inner.and_then(|text| text.strip_prefix(PREFIX));
                Base64::decode_vec(inner.unwrap_or(bare)).ok()?
            }
            Self::Hex => const_hex::decode(text).ok()?,
        };
        Some(Zeroizing::new(bytes))
    }
}

/// Whether keys shorter than [`MIN_LEN`] pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ShortKeys {
    Refused,
    Allowed,
}

/// Returns the key in the secret at `index`, if it has a length that is allowed.
pub(super) fn checked(
    form: KeyForm,
    index: usize,
    text: &str,
    short: ShortKeys,
) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let bytes = form.bytes(text).ok_or(match form {
        KeyForm::Hex => ConfigError::NotHex { index },
        _ => ConfigError::NotBase64 { index },
    })?;
    let allowed: RangeInclusive<usize> = match short {
        ShortKeys::Refused => MIN_LEN..=MAX_LEN,
        ShortKeys::Allowed => 1..=MAX_LEN,
    };
    let actual = bytes.len();
    if allowed.contains(&actual) {
        Ok(bytes)
    } else {
        Err(ConfigError::KeyLength { index, actual })
    }
}

/// A configured secret, and when it ends.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) secret: Secret,
    pub(super) not_after: Option<UnixMillis>,
}

impl Held {
    pub(super) const fn is_valid_at(&self, now: UnixMillis) -> bool {
        match self.not_after {
            Some(end) => now.as_millis() < end.as_millis(),
            None => true,
        }
    }
}

impl From<Secret> for Held {
    fn from(secret: Secret) -> Self {
        Self {
            secret,
            not_after: None,
        }
    }
}

/// Takes secrets in any form that can become one, and remembers which of them could not.
pub(super) fn collect<I>(secrets: I) -> Result<Vec<Secret>, ConfigError>
where
    I: IntoIterator<Item: TryInto<Secret, Error: Into<SecretError>>>,
{
    let wrap = |(index, secret): (usize, I::Item)| take(index, secret);
    secrets.into_iter().enumerate().map(wrap).collect()
}

pub(super) fn take<S>(index: usize, secret: S) -> Result<Secret, ConfigError>
where
    S: TryInto<Secret, Error: Into<SecretError>>,
{
    let secret = secret.try_into();
    secret.map_err(|source| ConfigError::Secret {
        index,
        source: source.into(),
    })
}

/// Refuses none, and more than can be tried for each body.
pub(super) const fn check_count(secrets: usize) -> Result<(), ConfigError> {
    match secrets {
        0 => Err(ConfigError::NoSecret),
        1..=MAX_SECRETS => Ok(()),
        _ => Err(ConfigError::TooManySecrets),
    }
}

pub(super) const PREFIX: &str = "whsec_";

/// The least that Standard Webhooks allows.
const MIN_LEN: usize = 24;
/// Bounds what is read from a configuration.
const MAX_LEN: usize = 512;
/// Each secret costs one pass over every body.
const MAX_SECRETS: usize = 8;
