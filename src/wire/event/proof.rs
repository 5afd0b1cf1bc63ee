//! Makes the proof; only the layer and the inbox may.

use std::sync::Arc;

use bytes::Bytes;

use super::verified_webhook::{Inner, VerifiedWebhook, WebhookHead};

impl VerifiedWebhook {
    /// Creates the proof that `body` was verified with the result `head`.
    pub(crate) fn new(head: WebhookHead, body: Bytes) -> Self {
        Self(Arc::new(Inner { head, body }))
    }

    /// Returns everything but the body.
    pub(crate) fn head(&self) -> &WebhookHead {
        &self.0.head
    }
}
