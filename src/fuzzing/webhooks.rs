//! Properties of received webhooks.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::first_line;
use super::json::Members;
use super::secret::damage_is_undone;
use super::signature::header_is_read_as_told;
use crate::wire::scheme::{Grammar, SignatureEncoding};

/// [Header property](header_is_read_as_told) of `t=…,v1=…`, with and without `v1,…`, spaced and not.
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

/// [Header property](header_is_read_as_told) of `v1,… v1,…`.
pub fn signature_list(value: &str) {
    let grammar = Grammar::List { version: "v1" };
    header_is_read_as_told(grammar, SignatureEncoding::Base64, value);
}

/// [Header property](header_is_read_as_told) of a single signature, with and without a prefix.
pub fn signature_single(value: &str) {
    for prefix in ["", "v0=", "sha256="] {
        let grammar = Grammar::Single { prefix };
        header_is_read_as_told(grammar, SignatureEncoding::AnyHex, value);
        header_is_read_as_told(grammar, SignatureEncoding::Base64, value);
    }
}

/// An accepted template distinguishes every two messages: parsing the signed bytes from both ends to
/// the body yields the original id, time and body.
///
/// The first line is the template, the rest the body.
pub fn content_template(input: &[u8]) {
    if let Some((template, body)) = first_line(input) {
        super::signature::content_is_unambiguous(template, body);
    }
}

/// The doctor names the single fault of a request, and accepts no unsigned request.
///
/// The first byte selects the preset and the fault, three lines are headers as for
/// [`verify_headers`], the rest is the body.
pub fn diagnose(input: &[u8]) {
    if let Some((choice, rest)) = input.split_first() {
        let (headers, body) = webhook_headers(rest);
        super::signature::diagnosis_is_true(usize::from(*choice), body, &headers);
    }
}

/// Damage of a secret [is found and repaired](damage_is_undone), in finitely many steps.
pub fn secret(text: &str) {
    damage_is_undone(text);
}

/// A verifier accepts no headers without a signature of its key, and under signed headers only the
/// signed body.
///
/// The first three lines are the values of id, timestamp and signature, for every scheme; the rest is
/// the body.
pub fn verify_headers(input: &[u8]) {
    let (headers, body) = webhook_headers(input);
    super::signature::nothing_unsigned_is_accepted(&headers, body);
    super::signature::only_the_signed_body_is_accepted(body, input);
}

/// Inserts each of three lines under all its possible names: those of ids, of timestamps, of
/// signatures. Also returns the rest.
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

#[cfg(feature = "verify")]
/// The id lookup agrees with a reader of every member: the id is the only member of its name, and a
/// string. It finds nothing in a body that is no JSON.
pub fn body_id(body: &[u8]) {
    for (path, names) in [("/id", &["id"][..]), ("/event/id", &["event", "id"])] {
        let found = crate::wire::json::pointer::string_at(body, path);
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
        assert!(is_json || found.is_none(), "{path}");
        // A full decoder refuses values that are nested too deep, and numbers that are too large.
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
