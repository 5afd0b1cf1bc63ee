//! Construction of the proof, for the `verify` layer and for messages in an inbox.

use std::sync::Arc;

use bytes::Bytes;

use super::verified_webhook::{Inner, VerifiedWebhook, WebhookHead};

impl VerifiedWebhook {
    /// Creates the proof that `body` was verified with the result `head`.
    pub(crate) fn new(head: WebhookHead, body: Bytes) -> Self {
        Self(Arc::new(Inner { head, body }))
    }

    #[cfg(feature = "verify")]
    /// Returns everything but the body.
    pub(crate) fn head(&self) -> &WebhookHead {
        &self.0.head
    }
}
