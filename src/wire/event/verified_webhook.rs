//! The proof that a request was verified.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::clock::UnixMillis;

/// Proof that `VerifyWebhookLayer` accepted this request.
///
/// Only that layer creates the proof and passes it to the handler, directly or through an inbox. No
/// request with an unchecked signature reaches a handler that takes this type. Clones share the
/// contents.
#[derive(Clone)]
pub struct VerifiedWebhook {
    pub(crate) parts: Arc<WebhookParts>,
}

/// The results of the verification.
pub(crate) struct WebhookParts {
    pub(crate) id: Option<Box<str>>,
    pub(crate) id_is_authentic: bool,
    pub(crate) sent_at: Option<UnixMillis>,
    pub(crate) scheme: Cow<'static, str>,
    pub(crate) key_index: usize,
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) body: Bytes,
}

impl VerifiedWebhook {
    /// Returns the message's id, as the scheme defines it; `None` for a message without an id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.parts.id.as_deref()
    }

    /// Returns whether the signature covers the id.
    ///
    /// Otherwise anybody on the network path can change the id.
    #[must_use]
    pub fn id_is_authentic(&self) -> bool {
        self.parts.id_is_authentic
    }

    /// Returns the signed time of this attempt; `None` for a scheme without a time.
    #[must_use]
    pub fn sent_at(&self) -> Option<UnixMillis> {
        self.parts.sent_at
    }

    /// Returns the name of the scheme that the signature matches.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.parts.scheme
    }

    /// Returns the index of the secret that made the signature, in configuration order.
    #[must_use]
    pub fn key_index(&self) -> usize {
        self.parts.key_index
    }

    /// Returns the tenant whose secret made the signature; `None` for a layer with a single set of
    /// keys.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.parts.tenant.as_deref()
    }

    /// Returns the signed bytes, unchanged.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.parts.body
    }
}

impl fmt::Debug for VerifiedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedWebhook")
            .field("id", &self.parts.id)
            .field("id_is_authentic", &self.parts.id_is_authentic)
            .field("sent_at", &self.parts.sent_at)
            .field("scheme", &self.parts.scheme)
            .field("key_index", &self.parts.key_index)
            .field("tenant", &self.parts.tenant)
            .field("body_len", &self.parts.body.len())
            .finish()
    }
}
