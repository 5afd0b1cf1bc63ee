//! Which message a verified request carries.

use std::borrow::Cow;

use super::body_id;
use crate::dedupe::Identity;
use crate::signature::{IdSource, Scheme};

/// Where our own emitter, and many others, put the id.
const USUAL_ID: &str = "/id";

const MAX_ID_LEN: usize = 256;

/// Returns the id in the signed body, where it says something about the message.
pub(super) fn id_in_body<'b>(scheme: &Scheme, body: &'b [u8]) -> Option<Cow<'b, str>> {
    let path = match scheme.id_source() {
        IdSource::SignedHeader => return None,
        IdSource::UnsignedHeader => USUAL_ID,
        IdSource::SignedBody(path) => path,
    };
    body_id::string_at(body, path).filter(|id| is_id(id))
}

/// As for an id in a header: no sender needs more, and it is logged.
fn is_id(text: &str) -> bool {
    (1..=MAX_ID_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Says how far the ids in the header and in the signed body may be trusted.
pub(super) fn identity<'a>(
    scheme: &Scheme,
    header: Option<&'a str>,
    in_body: Option<&'a str>,
) -> Identity<'a> {
    let unsigned = Identity::Unsigned {
        id: header,
        in_body,
    };
    match scheme.id_source() {
        IdSource::SignedHeader => header.map_or(unsigned, Identity::Signed),
        IdSource::SignedBody(_) => in_body.map_or(unsigned, Identity::Signed),
        IdSource::UnsignedHeader => match (header, in_body) {
            (Some(id), Some(in_body)) if id == in_body => Identity::Echoed(id),
            _ => unsigned,
        },
    }
}

/// Whether an id is the one under the signature, and no header says otherwise.
pub(super) fn is_vouched_for(identity: Identity<'_>, header: Option<&str>) -> bool {
    match identity {
        Identity::Signed(id) => header.is_none_or(|header| header == id),
        Identity::Echoed(_) => true,
        Identity::Unsigned { .. } => false,
    }
}
