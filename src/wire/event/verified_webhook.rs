//! The proof that a request was verified.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::base::clock::UnixMillis;

/// Proof that `VerifyWebhookLayer` accepted this request.
///
/// Only that layer can make one. It gives the proof to the handler at once or through an inbox: no
/// request with an unchecked signature reaches a handler that takes it. Clones share the contents.
///
/// ```
/// # #[cfg(all(feature = "axum", feature = "verify"))] {
/// use tower_auth_sync::event::VerifiedWebhook;
///
/// async fn on_event(webhook: VerifiedWebhook) -> String {
///     format!("{:?}: {} bytes", webhook.id(), webhook.body().len())
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct VerifiedWebhook(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) head: WebhookHead,
    pub(super) body: Bytes,
}

/// Result of the verification, without the body.
///
/// An inbox stores it as a JSON object. Stored messages must stay readable: keep the names and the
/// order of the fields.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct WebhookHead {
    pub(crate) id: Option<Box<str>>,
    pub(crate) id_is_authentic: bool,
    pub(crate) sent_at: Option<UnixMillis>,
    pub(crate) scheme: Cow<'static, str>,
    #[serde(rename = "key")]
    pub(crate) key_index: usize,
    #[serde(default, with = "shared_text")]
    pub(crate) tenant: Option<Arc<str>>,
}

impl VerifiedWebhook {
    /// Returns the message's id, as the scheme defines it; `None` for a message without an id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.head.id.as_deref()
    }

    /// Returns whether the signature covers the id.
    ///
    /// Otherwise anybody on the network path can change the id.
    #[must_use]
    pub fn id_is_authentic(&self) -> bool {
        self.0.head.id_is_authentic
    }

    /// Returns the signed time of this attempt; `None` for a scheme without a time.
    #[must_use]
    pub fn sent_at(&self) -> Option<UnixMillis> {
        self.0.head.sent_at
    }

    /// Returns the name of the scheme that the signature matches.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.0.head.scheme
    }

    /// Returns the index of the secret that made the signature, in configuration order.
    #[must_use]
    pub fn key_index(&self) -> usize {
        self.0.head.key_index
    }

    /// Returns the tenant whose secret made the signature; `None` for a layer with a single set of
    /// keys.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.0.head.tenant.as_deref()
    }

    /// Returns the signed bytes, unchanged.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.0.body
    }
}

impl fmt::Debug for VerifiedWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedWebhook")
            .field("id", &self.0.head.id)
            .field("id_is_authentic", &self.0.head.id_is_authentic)
            .field("sent_at", &self.0.head.sent_at)
            .field("scheme", &self.0.head.scheme)
            .field("key_index", &self.0.head.key_index)
            .field("tenant", &self.0.head.tenant)
            .field("body_len", &self.0.body.len())
            .finish()
    }
}

/// Writes shared text as text, without the feature `rc` of serde.
mod shared_text {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes the field by reference")]
    pub(super) fn serialize<S: Serializer>(
        text: &Option<Arc<str>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        text.as_deref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Arc<str>>, D::Error> {
        let text = Option::<Box<str>>::deserialize(deserializer)?;
        Ok(text.map(Into::into))
    }
}
