//! Text encodings of a signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::grammar::every;

/// Text encoding of a signature.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignatureEncoding {
    /// Hex digits in lower case. Upper case is refused, as in every package that compares texts.
    LowerHex,
    /// Hex digits in either case; written in lower case.
    AnyHex,
    /// The standard alphabet of base64 with padding, trailing bits zero.
    Base64,
}

impl SignatureEncoding {
    /// Decodes `text` if it has exactly `N` bytes.
    pub(crate) fn decode<const N: usize>(self, text: &str) -> Option<[u8; N]> {
        match self {
            Self::LowerHex => hex(text, |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            Self::AnyHex => hex(text, |byte| byte.is_ascii_hexdigit()),
            Self::Base64 => base64(text),
        }
    }

    pub(crate) fn encode(self, signature: &[u8]) -> String {
        match self {
            Self::LowerHex | Self::AnyHex => const_hex::encode(signature),
            Self::Base64 => STANDARD.encode(signature),
        }
    }
}

fn hex<const N: usize>(text: &str, is_digit: impl Fn(u8) -> bool) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if !every(text, is_digit) || text.len() != 2 * N {
        return None;
    }
    const_hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// A received signature is no secret, so decoding needs no constant time. `base64ct` takes four times
/// as long.
fn base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    // The decoder needs whole groups of three bytes: at least 66 for 64 bytes.
    let mut bytes = [0; 66];
    let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
    bytes.get(..length)?.try_into().ok()
}
