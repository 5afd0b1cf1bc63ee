//! The compact serialization (RFC 7515 §3.1): three parts and two dots.

use crate::token::error::TokenError;

/// A token's parts, still encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenParts<'a> {
    pub(crate) header: &'a str,
    pub(crate) claims: &'a str,
    pub(crate) signature: &'a str,
    /// Header, dot and claims: the signed text.
    pub(crate) signed: &'a str,
}

impl<'a> TokenParts<'a> {
    /// Splits `token`, after a check of its length.
    pub(crate) fn split(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(TokenError::TooLong);
        }
        let malformed = TokenError::Malformed { part: "token" };
        let Some((signed, signature)) = token.rsplit_once('.') else {
            return Err(malformed);
        };
        let Some((header, claims)) = signed.split_once('.') else {
            return Err(malformed);
        };
        if claims.contains('.') || header.is_empty() || claims.is_empty() || signature.is_empty() {
            return Err(malformed);
        }
        Ok(Self {
            header,
            claims,
            signature,
            signed,
        })
    }
}

/// Longest token in bytes: 16 KiB. HTTP servers commonly refuse longer headers themselves.
pub(crate) const MAX_TOKEN_LEN: usize = 16 * 1024;
