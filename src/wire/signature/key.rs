//! The secrets of a verifier or a signer, and their keys.

use std::ops::RangeInclusive;

use zeroize::Zeroizing;

use super::config_error::WebhookConfigError;
use crate::base::clock::UnixMillis;
use crate::base::secret::{Secret, SecretError};
use crate::wire::scheme::KeyForm;

/// Whether keys shorter than [`MIN_LEN`] pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ShortKeys {
    Refused,
    Allowed,
}

/// Returns the key of the secret at `index`, if its length is allowed.
pub(crate) fn checked(
    form: KeyForm,
    index: usize,
    text: &str,
    short: ShortKeys,
) -> Result<Zeroizing<Vec<u8>>, WebhookConfigError> {
    let bytes = form.bytes(text).ok_or(match form {
        KeyForm::Hex => WebhookConfigError::NotHex { index },
        _ => WebhookConfigError::NotBase64 { index },
    })?;
    let allowed: RangeInclusive<usize> = match short {
        ShortKeys::Refused => MIN_LEN..=MAX_LEN,
        ShortKeys::Allowed => 1..=MAX_LEN,
    };
    let actual = bytes.len();
    if allowed.contains(&actual) {
        Ok(bytes)
    } else {
        Err(WebhookConfigError::KeyLength { index, actual })
    }
}

/// A configured secret and its end.
#[derive(Clone, Debug)]
pub(crate) struct DatedSecret {
    pub(crate) secret: Secret,
    pub(crate) not_after: Option<UnixMillis>,
}

impl DatedSecret {
    pub(crate) const fn is_valid_at(&self, now: UnixMillis) -> bool {
        match self.not_after {
            Some(end) => now.as_millis() < end.as_millis(),
            None => true,
        }
    }
}

impl From<Secret> for DatedSecret {
    fn from(secret: Secret) -> Self {
        Self {
            secret,
            not_after: None,
        }
    }
}

/// Converts the secrets; an error names the index of the first that fails.
pub(crate) fn collect<I>(secrets: I) -> Result<Vec<Secret>, WebhookConfigError>
where
    I: IntoIterator<Item: TryInto<Secret, Error: Into<SecretError>>>,
{
    let wrap = |(index, secret): (usize, I::Item)| take(index, secret);
    secrets.into_iter().enumerate().map(wrap).collect()
}

pub(crate) fn take<S>(index: usize, secret: S) -> Result<Secret, WebhookConfigError>
where
    S: TryInto<Secret, Error: Into<SecretError>>,
{
    let secret = secret.try_into();
    secret.map_err(|source| WebhookConfigError::Secret {
        index,
        source: source.into(),
    })
}

/// Checks the number of secrets.
pub(crate) const fn check_count(secrets: usize) -> Result<(), WebhookConfigError> {
    match secrets {
        0 => Err(WebhookConfigError::NoSecret),
        1..=MAX_SECRETS => Ok(()),
        _ => Err(WebhookConfigError::TooManySecrets),
    }
}

/// The minimum of Standard Webhooks.
const MIN_LEN: usize = 24;
/// Limits the memory of a configured key.
const MAX_LEN: usize = 512;
/// Each secret costs one pass over every body.
const MAX_SECRETS: usize = 8;
