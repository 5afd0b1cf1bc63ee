//! Conversion of a secret's text to the bytes of its key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The part of a secret's text that is the HMAC key, and its encoding.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyForm {
    /// The UTF-8 bytes of the whole text.
    Text,
    /// The UTF-8 bytes of the text after an optional `whsec_`.
    TextAfterPrefix,
    /// The text after an optional `whsec_`, decoded from base64 (standard alphabet with padding).
    Base64,
    /// As [`Base64`](Self::Base64); `v1,` may stand before `whsec_`, the form that Supabase shows.
    VersionedBase64,
    /// The text, decoded from hex digits of either case.
    Hex,
}

impl KeyForm {
    /// Returns the key; `None` if the text does not have this form.
    pub(crate) fn bytes(self, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bare = text.strip_prefix(PREFIX).unwrap_or(text);
        let bytes = match self {
            Self::Text => text.as_bytes().to_vec(),
            Self::TextAfterPrefix => bare.as_bytes().to_vec(),
            Self::Base64 => STANDARD.decode(bare).ok()?,
            Self::VersionedBase64 => {
                let inner = text.strip_prefix("v1,");
                let inner = inner.and_then(|text| text.strip_prefix(PREFIX));
                STANDARD.decode(inner.unwrap_or(bare)).ok()?
            }
            Self::Hex => const_hex::decode(text).ok()?,
        };
        Some(Zeroizing::new(bytes))
    }
}

pub(crate) const PREFIX: &str = "whsec_";
