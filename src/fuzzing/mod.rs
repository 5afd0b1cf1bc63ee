//! One function per fuzz target: the property and its helpers.
//!
//! Most inputs are texts, so that people can read and write seeds.

#[cfg(feature = "emit")]
mod delivery;
#[cfg(feature = "emit")]
mod emit;
#[cfg(feature = "emit")]
mod events;
#[cfg(feature = "verify")]
mod inbox;
mod json;
mod secret;
mod signature;
#[cfg(feature = "jwt")]
pub(crate) mod token;
#[cfg(feature = "jwt")]
mod tokens;
mod webhooks;

#[cfg(feature = "emit")]
pub use self::delivery::{egress_url, retry_after};
#[cfg(feature = "emit")]
pub use self::events::{captured_json, emit_redaction, event_envelope};
#[cfg(feature = "verify")]
pub use self::inbox::inbox_head;
#[cfg(test)]
pub(crate) use self::secret::damage_is_undone;
#[cfg(test)]
pub(crate) use self::signature::{content_is_unambiguous, diagnosis_is_true};
#[cfg(feature = "jwt")]
pub use self::tokens::{jwks_document, pem, token, token_parts};
#[cfg(feature = "verify")]
pub use self::webhooks::body_id;
pub use self::webhooks::{
    content_template, diagnose, secret, signature_fields, signature_list, signature_single,
    verify_headers,
};

/// Splits off the first line, which must be text.
fn first_line(input: &[u8]) -> Option<(&str, &[u8])> {
    let end = input.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&input[..end]).ok()?;
    Some((line, &input[end + 1..]))
}
