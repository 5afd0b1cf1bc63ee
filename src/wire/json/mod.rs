//! JSON readers: strict for received payloads, lenient for responses of an auth server.

#[cfg(feature = "_outbox")]
pub(crate) mod depth;
#[cfg(feature = "emit")]
pub(crate) mod elide;
#[cfg(feature = "emit")]
pub(crate) mod lenient;
#[cfg(feature = "jwt")]
pub(crate) mod members;
#[cfg(feature = "verify")]
pub(crate) mod pointer;
#[cfg(feature = "verify")]
mod scan;
pub(crate) mod strict;

#[cfg(feature = "emit")]
use serde_json::{Map, Value};

/// Returns the member `name` if it is a text of at least one character.
#[cfg(feature = "emit")]
pub(crate) fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name)?.as_str().filter(|text| !text.is_empty())
}
