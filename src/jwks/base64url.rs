//! base64url without padding (RFC 7515 §2), strict: no padding, no white space, no trailing bits.

use base64ct::{Base64UrlUnpadded, Encoding as _};

/// A text that is not base64url without padding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NotBase64Url;

pub(super) fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    Base64UrlUnpadded::decode_vec(text).map_err(|_error| NotBase64Url)
}

/// Decodes into `buffer`, which may be longer than needed.
pub(super) fn decode_into<'b>(text: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], NotBase64Url> {
    Base64UrlUnpadded::decode(text, buffer).map_err(|_error| NotBase64Url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_canonical_text_of_some_bytes_decodes() {
        assert_eq!(decode("_-8"), Ok(vec![0xff, 0xef]));
        assert_eq!(decode(""), Ok(Vec::new()));
        for text in [
            "_-8=", "_-9", "_-8 ", " _-8", "_-8\n", "/+8", "_", "_-8_-", "_-é",
        ] {
            assert_eq!(decode(text), Err(NotBase64Url), "{text:?}");
        }
    }
}
