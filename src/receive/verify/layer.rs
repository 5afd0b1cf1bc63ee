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

/// Hands on only webhooks that a verifier accepts, each message once.
///
/// See the [module docs](super) for the order of checks and an example. Clones share one
/// configuration and one dedupe store.
#[must_use = "a layer does nothing until it wraps a service"]
#[derive(Clone, Debug)]
pub struct VerifyWebhookLayer {
    gate: Arc<WebhookGate>,
}

impl VerifyWebhookLayer {
    /// Creates a layer that checks requests with `verifier`.
    ///
    /// It remembers messages in a store of its own, in memory: for one process. Give it a shared one
    /// by [`with_dedupe`](Self::with_dedupe).
    pub fn new(verifier: Verifier) -> Self {
        Self {
            gate: Arc::new(WebhookGate::new(LayerKeys::fixed(verifier))),
        }
    }

    /// Creates a layer that asks `provider` for the keys of each request: those of a tenant.
    ///
    /// It remembers messages as [`new`](Self::new) does, those of one tenant apart from those of all
    /// others. [`VerifiedWebhook::tenant`](crate::wire::event::VerifiedWebhook::tenant) tells the handler whose message
    /// it has. A store in memory is shared by all tenants: its capacity is what one of them can use
    /// up.
    pub fn from_provider(provider: impl KeyProvider) -> Self {
        Self {
            gate: Arc::new(WebhookGate::new(LayerKeys::per_request(provider))),
        }
    }

    /// Sets where messages are remembered, and under which name. Default: a
    /// [`MemoryDedupe`](crate::receive::dedupe::MemoryDedupe) of this layer's own.
    pub fn with_dedupe(mut self, dedupe: Dedupe) -> Self {
        self.gate_mut().remember_in(Some(dedupe));
        self
    }

    /// Hands on each request that verifies, also the second of the same message.
    ///
    /// # Security
    ///
    /// Whoever has recorded a request can then repeat its effect for as long as its time is within the
    /// tolerance. Turn deduplication off only where handling a message twice is harmless.
    pub fn without_dedupe(mut self) -> Self {
        self.gate_mut().remember_in(None);
        self
    }

    /// Stores each message in `inbox` and answers 202 at once, with an empty body; the inner service
    /// is not called. An [`InboxWorker`](crate::receive::inbox::InboxWorker) gives what is stored to its own
    /// handler. Default: no inbox.
    ///
    /// A message that is [known](crate::receive::inbox) is answered 200, as a
    /// [duplicate](WebhookRejection::Duplicate). The inbox remembers messages itself: neither
    /// [`with_dedupe`](Self::with_dedupe) nor [`without_dedupe`](Self::without_dedupe) changes anything.
    ///
    /// If the inbox fails, the answer is 503, `store-unavailable`, with `Retry-After`:
    /// [`FailOpen`](StoreFailurePolicy::FailOpen) has no effect, because without the store there is
    /// nobody to handle the message. The sender tries again; a message that was stored after all is
    /// then a duplicate.
    pub fn with_inbox(mut self, inbox: Inbox) -> Self {
        let gate = self.gate_mut();
        gate.inbox = InboxSink::new(inbox);
        gate.rename_source();
        self
    }

    /// Sets what to do while the dedupe store fails. Default: [`StoreFailurePolicy::FailClosed`],
    /// 503 with `Retry-After`: the sender tries again, nothing is handled twice.
    ///
    /// # Security
    ///
    /// [`StoreFailurePolicy::FailOpen`] handles each message as if it came for the first time: for as
    /// long as the store fails, retries and replays are handled again.
    pub fn with_store_failure_policy(mut self, policy: StoreFailurePolicy) -> Self {
        self.gate_mut().store_failure_policy = policy;
        self
    }

    /// Refuses a message whose id is not under the signature, and one that has another id in a header.
    /// Default: an id in the signed body counts, whatever the header says, and a message without one
    /// is handled, and known again by its body as well.
    ///
    /// Where the scheme signs the header's id this changes nothing. Where the scheme takes the id from
    /// the body, as Banata's, it must be there, and an id header beside it must equal it. Where the
    /// scheme knows an unsigned header only, as GitHub's, everything is refused.
    pub fn require_signed_id(mut self) -> Self {
        self.gate_mut().require_signed_id = true;
        self
    }

    /// Sets how large a body may be, in bytes. Default: 1 MiB; Standard Webhooks recommends that
    /// payloads stay below 20 kB.
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.gate_mut().limits.limit = bytes;
        self
    }

    /// Sets how long a body may take from its first byte to its last. Default: 10 s.
    pub fn with_body_timeout(mut self, timeout: Duration) -> Self {
        self.gate_mut().limits.timeout = timeout;
        self
    }

    /// Lets the [doctor](Verifier::diagnose) look at a refused request, at most one per `interval`, and
    /// logs each cause as a warning: which other form of the secret would match, which other scheme,
    /// that the body was written anew, how far the clocks differ.
    ///
    /// Default: none is looked at. An interval below 1 s counts as 1 s; it is measured by the
    /// verifier's clock and is the same for all clones of the layer, and for all tenants. While one
    /// diagnosis runs, no other begins.
    ///
    /// What is looked at: a request whose headers, time or signature are refused (points 5, 6 and 8 of
    /// the [order of checks](super)). Its answer is the same as without the doctor, and does
    /// not wait for the diagnosis, which runs on a thread for blocking work. But where the headers are
    /// refused, the one request per interval is first read whole, within the cap and the deadline,
    /// because the doctor needs the body.
    ///
    /// # Security
    ///
    /// The log gets no secret, signature or payload, and the caller nothing at all. A stranger's
    /// garbage takes turns as well: this is for finding out what is wrong, not for counting it. A turn
    /// costs at most what [`diagnose`](crate::doctor::diagnose) does.
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
