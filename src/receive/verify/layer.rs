//! The layer and its settings.

use std::sync::Arc;
use std::time::Duration;

use tower_layer::Layer;

use super::doctor::Doctor;
use super::gate::WebhookGate;
use super::inbox_sink::InboxSink;
use super::keys::{KeyProvider, LayerKeys};
use super::service::VerifyWebhook;
use crate::base::error::StoreFailurePolicy;
use crate::receive::dedupe::Dedupe;
use crate::receive::inbox::Inbox;
use crate::wire::signature::Verifier;

/// Hands on only the webhooks that a verifier accepts, each message once.
///
/// See the [module docs](super) for the order of checks and an example. Clones share one
/// configuration and one dedupe store.
///
/// ```
/// use tower_auth_sync::dedupe::MemoryDedupe;
/// use tower_auth_sync::scheme::Scheme;
/// use tower_auth_sync::signature::Verifier;
/// use tower_auth_sync::verify::VerifyWebhookLayer;
///
/// let verifier = Verifier::new(Scheme::banata(), ["whsec_not-a-secret-but-an-example"])?;
/// let layer = VerifyWebhookLayer::new(verifier)
///     .with_dedupe(MemoryDedupe::new().dedupe("crm")?)
///     .with_body_limit(64 * 1024);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a layer does nothing until it wraps a service"]
#[derive(Clone, Debug)]
pub struct VerifyWebhookLayer {
    gate: Arc<WebhookGate>,
}

impl VerifyWebhookLayer {
    /// Creates a layer that checks requests with `verifier`.
    ///
    /// The layer remembers messages in its own memory, for one process. Set a shared store with
    /// [`with_dedupe`](Self::with_dedupe).
    pub fn new(verifier: Verifier) -> Self {
        Self {
            gate: Arc::new(WebhookGate::new(LayerKeys::fixed(verifier))),
        }
    }

    /// Creates a layer that asks `provider` for the keys of each request's tenant. See
    /// [`KeyProvider`] for an example.
    ///
    /// The layer remembers messages as [`new`](Self::new) does, and keeps the messages of tenants
    /// apart. [`VerifiedWebhook::tenant`](crate::wire::event::VerifiedWebhook::tenant) gives the
    /// handler the tenant. All tenants share a store in memory: one of them can use up its
    /// capacity.
    pub fn from_provider(provider: impl KeyProvider) -> Self {
        Self {
            gate: Arc::new(WebhookGate::new(LayerKeys::per_request(provider))),
        }
    }

    /// Sets the store that remembers messages, and the source name. Default: a
    /// [`MemoryDedupe`](crate::receive::dedupe::MemoryDedupe) of this layer's own.
    pub fn with_dedupe(mut self, dedupe: Dedupe) -> Self {
        self.gate_mut().remember_in(Some(dedupe));
        self
    }

    /// Hands on each request that verifies, including a second request with the same message.
    ///
    /// # Security
    ///
    /// An attacker who has recorded a request can then repeat its effect until its time leaves the
    /// tolerance. Turn deduplication off only where handling a message twice is harmless.
    pub fn without_dedupe(mut self) -> Self {
        self.gate_mut().remember_in(None);
        self
    }

    /// Stores each message in `inbox` and responds 202 at once, with an empty body. The layer does
    /// not call the inner service. An [`InboxWorker`](crate::receive::inbox::InboxWorker) hands
    /// stored messages to its own handler. Default: no inbox.
    ///
    /// A [known](crate::receive::inbox) message gets 200, as a
    /// [duplicate](super::rejection::WebhookRejection::Duplicate). The inbox remembers messages itself: neither
    /// [`with_dedupe`](Self::with_dedupe) nor [`without_dedupe`](Self::without_dedupe) has an
    /// effect.
    ///
    /// If the inbox fails, the response is 503, `store-unavailable`, with `Retry-After`.
    /// [`FailOpen`](StoreFailurePolicy::FailOpen) has no effect, because without the store nothing
    /// handles the message. The sender retries; if the inbox had stored the message after all, the
    /// retry is a duplicate.
    pub fn with_inbox(mut self, inbox: Inbox) -> Self {
        let gate = self.gate_mut();
        gate.inbox = InboxSink::new(inbox);
        gate.rename_source();
        self
    }

    /// Sets the policy while the dedupe store fails. Default: [`StoreFailurePolicy::FailClosed`],
    /// 503 with `Retry-After`: the sender retries, and nothing is handled twice.
    ///
    /// # Security
    ///
    /// [`StoreFailurePolicy::FailOpen`] handles each message as if it were new: while the store
    /// fails, retries and replays are handled again.
    pub fn with_store_failure_policy(mut self, policy: StoreFailurePolicy) -> Self {
        self.gate_mut().store_failure_policy = policy;
        self
    }

    /// Refuses a message without an id under the signature, and a message with another id in a
    /// header. Default: the id in the signed body counts, whatever the header says; a message
    /// without one is handled, and its body counts towards its key.
    ///
    /// If the scheme signs the id header, this changes nothing. If the scheme takes the id from the
    /// body, as Banata's does, the body must have one, and an id header must equal it. If the
    /// scheme has only an unsigned id header, as GitHub's does, the layer refuses everything.
    pub fn require_signed_id(mut self) -> Self {
        self.gate_mut().require_signed_id = true;
        self
    }

    /// Sets the largest body, in bytes. Default: 1 MiB. Standard Webhooks recommends payloads below
    /// 20 kB.
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.gate_mut().limits.limit = bytes;
        self
    }

    /// Sets the timeout from the first byte of a body to the last. Default: 10 s.
    pub fn with_body_timeout(mut self, timeout: Duration) -> Self {
        self.gate_mut().limits.timeout = timeout;
        self
    }

    /// Lets the [doctor](Verifier::diagnose) diagnose a refused request, at most one per
    /// `interval`, and logs each cause as a warning: another form of the secret, another scheme, a
    /// rewritten body, or a clock difference. Default: no diagnosis.
    ///
    /// An interval below 1 s counts as 1 s. The verifier's clock measures it. All clones of the
    /// layer and all tenants share it. At most one diagnosis runs at a time.
    ///
    /// The doctor diagnoses requests with refused headers, time or signature (points 5, 6 and 8 of
    /// the [order of checks](super)). The response is the same as without the doctor, and does not
    /// wait for the diagnosis, which runs on a thread for blocking work. If the headers are
    /// refused, the layer first reads the whole body of that one request, within the limit and the
    /// timeout, because the doctor needs it.
    ///
    /// # Security
    ///
    /// The log gets no secret, signature or payload; the caller gets nothing. Garbage from
    /// strangers uses up turns as well: the diagnosis serves to find a cause, not to count
    /// failures. One turn costs at most as much as [`diagnose`](crate::doctor::diagnose).
    pub fn with_diagnosis(mut self, interval: Duration) -> Self {
        self.gate_mut().doctor = Some(Doctor::new(interval));
        self
    }

    pub(super) fn gate_mut(&mut self) -> &mut WebhookGate {
        Arc::make_mut(&mut self.gate)
    }
}

impl<S> Layer<S> for VerifyWebhookLayer {
    type Service = VerifyWebhook<S>;

    fn layer(&self, inner: S) -> Self::Service {
        VerifyWebhook::new(inner, Arc::clone(&self.gate))
    }
}
