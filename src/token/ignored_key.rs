//! A key that is left out of a set.

use std::fmt;

use serde::Deserialize;

use super::key_id::KeyId;
use super::key_rejected::KeyRejected;

/// A key of a JWKS that does not verify tokens.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IgnoredKey {
    /// The position in `keys`, counted from 0.
    pub index: usize,
    /// The `kid`, if it can be read.
    pub id: Option<KeyId>,
    /// Why the key is left out.
    pub reason: KeyRejected,
}

impl IgnoredKey {
    /// Reads the key's id from `json`, if it can be read.
    pub(super) fn new(index: usize, json: &str, reason: KeyRejected) -> Self {
        #[derive(Deserialize)]
        struct KidMember {
            kid: String,
        }
        let member = serde_json::from_str(json).ok();
        let id = member.and_then(|KidMember { kid }| KeyId::new(kid).ok());
        Self { index, id, reason }
    }

    pub(super) fn log(&self) {
        let Self { index, id, reason } = self;
        let kid = id.as_ref().map(KeyId::as_str);
        if matches!(reason, KeyRejected::Private | KeyRejected::Symmetric) {
            tracing::error!(index, kid, %reason, "a JWKS publishes a secret key");
        } else {
            tracing::warn!(index, kid, %reason, "a key of a JWKS is ignored");
        }
    }
}

impl fmt::Display for IgnoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, id, reason } = self;
        match id {
            Some(id) => write!(f, "key {index} ({:?}): {reason}", id.as_str()),
            None => write!(f, "key {index}: {reason}"),
        }
    }
}
