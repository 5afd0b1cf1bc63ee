//! One function per fuzz target: the property and its helpers.
//!
//! Most inputs are texts, so that people can read and write seeds.

mod delivery;
mod emit;
mod events;
mod inbox;
mod json;
mod secret;
mod signature;
pub(crate) mod token;
mod tokens;
mod webhooks;

pub use self::delivery::{egress_url, retry_after};
pub use self::events::{captured_json, emit_redaction, event_envelope};
pub use self::inbox::inbox_head;
pub(crate) use self::secret::damage_is_undone;
pub(crate) use self::signature::{content_is_unambiguous, diagnosis_is_true};
pub use self::tokens::{jwks_document, pem, token, token_parts};
pub use self::webhooks::{
    body_id, content_template, diagnose, secret, signature_fields, signature_list,
    signature_single, verify_headers,
};

/// Splits off the first line, which must be text.
fn first_line(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&input[..end]).ok()?;
    Some((line, &input[end + 1..]))
}
