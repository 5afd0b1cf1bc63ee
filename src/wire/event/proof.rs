//! Construction of the proof, for the `verify` layer and for messages in an inbox.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::verified_webhook::{VerifiedWebhook, WebhookParts};
use crate::base::clock::UnixMillis;

impl VerifiedWebhook {
    /// Creates the proof that `body` was verified.
    pub(crate) fn new(
        id: Option<&str>,
        id_is_authentic: bool,
        sent_at: Option<UnixMillis>,
        scheme: impl Into<Cow<'static, str>>,
        key_index: usize,
        tenant: Option<Arc<str>>,
        body: Bytes,
    ) -> Self {
        Self {
            parts: Arc::new(WebhookParts {
                id: id.map(Into::into),
                id_is_authentic,
                sent_at,
                scheme: scheme.into(),
                key_index,
                tenant,
                body,
            }),
        }
    }
}
