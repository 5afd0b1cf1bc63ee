//! The erased handle to a store, bound to one receiver's name.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use super::entry::InboxEntry;
use super::erased::DynInboxStore;
use super::message::{InboxLease, InboxLeaseRequest, InboxOutcome, NewMessage, ReceiveOutcome};
use super::port::{InboxLog, InboxStore};
use super::request::StoredRequest;
use crate::base::clock::UnixMillis;
use crate::base::entropy::SystemEntropy;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::QueueListener;
use crate::receive::dedupe::{InvalidSource, KeyDeriver, Message, check_source};

/// How long a store may take for what a receiver or a worker asks of it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A store of received messages as one receiver uses it: the store, whatever its type, and the
/// receiver's name.
///
/// Clones share the store. See the [module docs](super) for an example.
#[derive(Clone)]
pub struct Inbox(Arc<Inner>);

struct Inner {
    store: Box<dyn DynInboxStore>,
    source: Box<str>,
    deriver: KeyDeriver,
}

impl Inbox {
    /// Creates a handle to `store` for the receiver named `source`.
    ///
    /// The name keeps receivers apart that share a store, and so do their workers: a worker handles
    /// the messages of its own source. It never comes from a request.
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless the name has 1 to 128 printable ASCII characters without spaces.
    pub fn new(store: impl InboxStore + InboxLog, source: &str) -> Result<Self, InvalidSource> {
        check_source(source)?;
        Ok(Self(Arc::new(Inner {
            store: Box::new(store),
            source: source.into(),
            deriver: KeyDeriver::new(source),
        })))
    }

    /// Returns the receiver's name.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Returns a message; `None` if this source has none with this id, or no longer.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn find(&self, id: &InboxId) -> Result<Option<InboxEntry>, StoreError> {
        self.0.store.find(self.source(), id).await
    }

    /// Returns up to `max` messages that failed, oldest first; the next page with the last one's id
    /// as `after`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn failed(
        &self,
        after: Option<&InboxId>,
        max: NonZeroU16,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        self.0.store.failed(self.source(), after, max).await
    }

    /// Lets a message that failed be handled again: at once, and as often as the worker's policy
    /// says, counted from 1. Returns whether there was a failed one with this id; one that came again
    /// after its seven days, and was stored anew, is not handled twice.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn requeue(&self, id: &InboxId, now: UnixMillis) -> Result<bool, StoreError> {
        self.0.store.requeue(self.source(), id, now).await
    }

    /// Stores a verified request, unless it is known. A store that does not answer within 5 s counts
    /// as failed.
    pub(crate) async fn receive(
        &self,
        message: &Message<'_>,
        request: StoredRequest,
        now: UnixMillis,
    ) -> Result<ReceiveOutcome, StoreError> {
        let message = NewMessage {
            id: InboxId::generate(now, &SystemEntropy),
            source: self.source().into(),
            keys: self.0.deriver.keys(0, message),
            request,
        };
        let id = message.id.clone();
        let received = in_time(self.0.store.receive(message, now)).await?;
        if matches!(received, ReceiveOutcome::New { .. }) {
            tracing::info!(source = self.source(), message = %id, "webhook stored");
        }
        Ok(received)
    }

    /// This and what follows counts as failed after 5 s: a connection that died without a word must
    /// not silence a worker.
    pub(crate) async fn lease(
        &self,
        request: InboxLeaseRequest,
    ) -> Result<Vec<InboxLease>, StoreError> {
        in_time(self.0.store.lease(self.source(), request)).await
    }

    pub(crate) async fn settle(
        &self,
        lease: &InboxLease,
        outcome: InboxOutcome,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        in_time(self.0.store.settle(lease, outcome, now)).await
    }

    pub(crate) async fn extend(
        &self,
        lease: &InboxLease,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        in_time(self.0.store.extend(lease, until)).await
    }

    pub(crate) async fn release(
        &self,
        lease: &InboxLease,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        in_time(self.0.store.release(lease, now)).await
    }

    pub(crate) async fn next_due(&self, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
        in_time(self.0.store.next_due(self.source(), now)).await
    }

    pub(crate) async fn prune(
        &self,
        before: UnixMillis,
        now: UnixMillis,
        max: NonZeroU16,
    ) -> Result<usize, StoreError> {
        in_time(self.0.store.prune(self.source(), before, now, max)).await
    }

    pub(crate) fn listen(&self) -> QueueListener {
        self.0.store.listen()
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(TIMEOUT, answer)
        .await
        .map_err(StoreError::unavailable)?
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}
