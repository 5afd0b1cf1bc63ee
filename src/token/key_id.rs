//! The id of a key.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The `kid` of a key: 1 to 256 bytes without control characters.
///
/// An id is compared byte for byte and has no other meaning: it is never a path, a query or a URL.
/// Copies share one allocation.
///
/// ```
/// use tower_auth_sync::token::KeyId;
///
/// assert_eq!(KeyId::new("2026-11").unwrap().as_str(), "2026-11");
/// assert!(KeyId::new("").is_err());
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// Checks a text and keeps it unchanged.
    ///
    /// # Errors
    ///
    /// [`InvalidKeyId`] for an empty text, more than 256 bytes, or a control character.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, InvalidKeyId> {
        let text = text.into();
        if (1..=MAX_LEN).contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err(InvalidKeyId)
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        Self::new(text)
    }
}

/// The text cannot be a [`KeyId`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key id has 1 to 256 bytes and no control characters")]
pub struct InvalidKeyId;

/// Longest id in bytes. A thumbprint has 43; the longest ids in use elsewhere are certificate
/// digests in hex.
const MAX_LEN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_bounded_and_printable() {
        for text in ["", "a\0b", "a\nb", &"a".repeat(257)] {
            assert_eq!(KeyId::new(text), Err(InvalidKeyId), "{text:?}");
        }
        assert!(KeyId::new("a".repeat(256)).is_ok());
        assert!(KeyId::new("2026-11/ä key").is_ok());
    }
}
