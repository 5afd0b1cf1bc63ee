//! The text of a token: its parts, its header, its claims. Nothing here trusts any of it.

mod claims;
mod decodable;
mod header;
mod parts;

pub(crate) use self::claims::{AudienceMatch, NumericDate, RawClaims};
pub(crate) use self::header::{Header, TypeName};
pub(crate) use self::parts::{MAX_TOKEN_LEN, Parts};
