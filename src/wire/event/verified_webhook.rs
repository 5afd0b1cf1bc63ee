//! The proof that a request was verified.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::clock::UnixMillis;

/// Proof that `VerifyWebhookLayer` accepted this request.
///
/// Only that layer can make one, and give it to the handler at once or by way of an inbox: a handler
/// that takes it cannot be reached by a request whose signature was not checked. Cloning shares the
/// contents.
#[derive(Clone)]
pub struct VerifiedWebhook {
    pub(crate) parts: Arc<Parts>,
}

/// What the layer found out.
pub(crate) struct Parts {
    pub(crate) id: Option<Box<str>>,
    pub(crate) id_is_authentic: bool,
    pub(crate) sent_at: Option<UnixMillis>,
    pub(crate) scheme: Cow<'static, str>,
    pub(crate) key_index: usize,
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) body: Bytes,
}

impl VerifiedWebhook {
    /// Returns the message's id, as the scheme gives it; `None` for a scheme without one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.parts.id.as_deref()
    }

    /// Returns whether the signature covers the id.
    ///
    /// Where it does not, whoever carries the request can change the id at will.
    #[must_use]
    pub fn id_is_authentic(&self) -> bool {
        self.parts.id_is_authentic
    }

    /// Returns the signed time of this attempt; `None` for a scheme without one.
    #[must_use]
    pub fn sent_at(&self) -> Option<UnixMillis> {
        self.parts.sent_at
    }

    /// Returns the name of the scheme under which the signature is right.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.parts.scheme
    }

    /// Returns the index of the secret that made the signature, in the order they were configured.
    #[must_use]
    pub fn key_index(&self) -> usize {
        self.parts.key_index
    }

    /// Returns the name of the tenant whose secret made the signature; `None` where the layer has one
    /// set of keys for all.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.parts.tenant.as_deref()
    }

    /// Returns the very bytes that were signed.
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
