//! The text of a token: its parts, its header, its claims. Nothing here trusts any of it.

mod claims;
mod decodable;
mod header;
mod members;
mod parts;

pub(super) use self::claims::{AudienceMatch, NumericDate, RawClaims};
pub(super) use self::header::{Header, TypeName};
pub(super) use self::members::Text;
pub(super) use self::parts::{MAX_TOKEN_LEN, Parts};
