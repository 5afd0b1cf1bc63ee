//! Which message a verified request carries.

use std::borrow::Cow;

use crate::receive::dedupe::Identity;
use crate::wire::json::pointer;
use crate::wire::scheme::{IdSource, Scheme};

const MAX_ID_LEN: usize = 256;

/// Returns the id in the signed body, where the scheme has one there.
pub(super) fn id_in_body<'b>(scheme: &Scheme, body: &'b [u8]) -> Option<Cow<'b, str>> {
    let IdSource::SignedBody(path) = scheme.id_source() else {
        return None;
    };
    pointer::string_at(body, path).filter(|id| is_id(id))
}

/// As for an id in a header: no sender needs more, and it is logged.
fn is_id(text: &str) -> bool {
    (1..=MAX_ID_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Says by which id the message is known: the signed one, whatever an unsigned header says.
pub(super) fn identity<'a>(
    scheme: &Scheme,
    header: Option<&'a str>,
    in_body: Option<&'a str>,
) -> Identity<'a> {
    let signed = match scheme.id_source() {
        IdSource::SignedHeader => header,
        IdSource::SignedBody(_) => in_body,
        IdSource::UnsignedHeader => None,
    };
    signed.map_or(Identity::Unsigned(header), Identity::Signed)
}

/// Whether an id is under the signature, and no header says otherwise.
pub(super) fn is_vouched_for(identity: Identity<'_>, header: Option<&str>) -> bool {
    match identity {
        Identity::Signed(id) => header.is_none_or(|header| header == id),
        Identity::Unsigned(_) => false,
    }
}
