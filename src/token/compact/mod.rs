//! The text of a token: its parts, its header, its claims. All of it is untrusted.

mod claims;
mod decodable;
mod header;
mod parts;

pub(crate) use self::claims::{AudienceMatch, NumericDate, RawClaims};
pub(crate) use self::header::{JoseHeader, TypeName};
pub(crate) use self::parts::{MAX_TOKEN_LEN, TokenParts};
