//! What receivers read.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::first_line;
use super::json::Members;
use super::secret::damage_is_undone;
use super::signature::header_is_read_as_told;
use crate::wire::scheme::{Grammar, SignatureEncoding};

/// `t=…,v1=…` is [read as told](header_is_read_as_told), with `v1,…` read as well and not, spaced and
/// not.
pub fn signature_fields(value: &str) {
    for (bare_version, spaced) in [(false, false), (true, false), (false, true)] {
        let grammar = Grammar::Fields {
            version: "v1",
            bare_version,
            spaced,
        };
        header_is_read_as_told(grammar, SignatureEncoding::LowerHex, value);
    }
}

/// `v1,… v1,…` is [read as told](header_is_read_as_told).
pub fn signature_list(value: &str) {
    let grammar = Grammar::List { version: "v1" };
    header_is_read_as_told(grammar, SignatureEncoding::Base64, value);
}

/// A single signature is [read as told](header_is_read_as_told), behind a prefix and behind none.
pub fn signature_single(value: &str) {
    for prefix in ["", "v0=", "sha256="] {
        let grammar = Grammar::Single { prefix };
        header_is_read_as_told(grammar, SignatureEncoding::AnyHex, value);
        header_is_read_as_told(grammar, SignatureEncoding::Base64, value);
    }
}

/// A template that is accepted tells every two messages apart: from the signed bytes, read from both
/// ends up to the body, come the id, the time and the body that made them.
///
/// The first line is the template, the rest the body.
pub fn content_template(input: &[u8]) {
    if let Some((template, body)) = first_line(input) {
        super::signature::content_is_unambiguous(template, body);
    }
}

/// The doctor names the one thing that went wrong with a request, and accepts nothing in what nobody
/// signed.
///
/// The first byte picks the preset and what goes wrong, three lines are headers as for
/// [`verify_headers`], the rest is the body.
pub fn diagnose(input: &[u8]) {
    if let Some((choice, rest)) = input.split_first() {
        let (headers, body) = webhook_headers(rest);
        super::signature::diagnosis_is_true(usize::from(*choice), body, &headers);
    }
}

/// What files do to a secret [is found and undone](damage_is_undone), and that ends.
pub fn secret(text: &str) {
    damage_is_undone(text);
}

/// No headers that were not made with the key are accepted, and under headers that were no other body
/// than the one that was signed.
///
/// The first three lines are the values of id, timestamp and signature, for every scheme; the rest is
/// the body.
pub fn verify_headers(input: &[u8]) {
    let (headers, body) = webhook_headers(input);
    super::signature::nothing_unsigned_is_accepted(&headers, body);
    super::signature::only_the_signed_body_is_accepted(body, input);
}

/// Puts each of three lines under all names that it can have: those of ids, of timestamps, of
/// signatures. Returns what follows them too.
fn webhook_headers(input: &[u8]) -> (HeaderMap, &[u8]) {
    const NAMES: [&[&str]; 3] = [
        &[
            "webhook-id",
            "svix-id",
            "banata-webhook-id",
            "x-github-delivery",
            "x-shopify-webhook-id",
        ],
        &[
            "webhook-timestamp",
            "svix-timestamp",
            "x-slack-request-timestamp",
        ],
        &[
            "webhook-signature",
            "svix-signature",
            "banata-webhook-signature",
            "stripe-signature",
            "workos-signature",
            "x-hub-signature-256",
            "x-slack-signature",
            "x-shopify-hmac-sha256",
        ],
    ];

    let mut headers = HeaderMap::new();
    let mut rest = input;
    for names in NAMES {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind.get(1..).unwrap_or_default();
        for name in names {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
    }
    (headers, rest)
}

/// The id found in a body is the one that a reader finds there who looks at every member: the only one
/// of its name, and a string.
pub fn body_id(body: &[u8]) {
    for (path, names) in [("/id", &["id"][..]), ("/event/id", &["event", "id"])] {
        let found = crate::wire::json::pointer::string_at(body, path);
        // A full decoder refuses what is nested too deep, and numbers that are too large.
        if Members::read(body).is_some() {
            assert_eq!(found.as_deref(), only_at(body, names).as_deref(), "{path}");
        }
    }
}

fn only_at(json: &[u8], names: &[&str]) -> Option<String> {
    let Some((name, deeper)) = names.split_first() else {
        return serde_json::from_slice(json).ok();
    };
    let members = Members::read(json)?;
    let mut named = members.0.iter().filter(|(other, _)| other == name);
    match (named.next(), named.next()) {
        (Some((_, value)), None) => only_at(value.get().as_bytes(), deeper),
        _ => None,
    }
}
