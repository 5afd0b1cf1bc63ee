//! Erased handle to a store, bound to one source.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use super::entry::InboxEntry;
use super::erased::DynInboxStore;
use super::message::{InboxLease, InboxLeaseRequest, InboxOutcome, NewMessage, ReceiveOutcome};
use super::port::{InboxLog, InboxStore};
use super::request::StoredRequest;
use crate::base::clock::{Clock, SystemClock, UnixMillis};
use crate::base::entropy::SystemEntropy;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::QueueListener;
use crate::receive::dedupe::{InvalidSource, KeyDeriver, Message, check_source};

/// Timeout of a store, for calls of a receiver or a worker.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Erased handle to a store of received messages, for one source.
///
/// Clones share the store. See the [module docs](super) for an example.
#[derive(Clone)]
pub struct Inbox {
    inner: Arc<Inner>,
    clock: Arc<dyn Clock>,
}

struct Inner {
    store: Box<dyn DynInboxStore>,
    source: Box<str>,
    deriver: KeyDeriver,
}

impl Inbox {
    /// Creates a handle to `store` for the receiver named `source`.
    ///
    /// The name separates receivers that share a store, and their workers: a worker handles the
    /// messages of its own source. It never comes from a request.
    ///
    /// ```
    /// use tower_auth_sync::inbox::{Inbox, MemoryInbox};
    ///
    /// let inbox = Inbox::new(MemoryInbox::new(), "crm")?;
    /// assert_eq!(inbox.source(), "crm");
    /// # Ok::<(), tower_auth_sync::dedupe::InvalidSource>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless the name has 1 to 128 printable ASCII characters without spaces.
    pub fn new(store: impl InboxStore + InboxLog, source: &str) -> Result<Self, InvalidSource> {
        check_source(source)?;
        Ok(Self {
            inner: Arc::new(Inner {
                store: Box::new(store),
                source: source.into(),
                deriver: KeyDeriver::new(source),
            }),
            clock: Arc::new(SystemClock),
        })
    }

    /// Sets the clock. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Returns the source: the receiver's configured name.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// Returns a message; `None` if this source has no message with this id.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn find(&self, id: &InboxId) -> Result<Option<InboxEntry>, StoreError> {
        self.inner.store.find(self.source(), id).await
    }

    /// Returns up to `max` failed messages, oldest first. Pass the last id as `after` for the next
    /// page.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn failed(
        &self,
        after: Option<&InboxId>,
        max: NonZeroU16,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        self.inner.store.failed(self.source(), after, max).await
    }

    /// Requeues a failed message: it is due at once, and its attempts count from 1 again. Returns
    /// whether a failed message has this id. A message that arrived again after its seven days and
    /// was stored anew is not handled twice.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn requeue(&self, id: &InboxId) -> Result<bool, StoreError> {
        let now = self.clock.now();
        self.inner.store.requeue(self.source(), id, now).await
    }

    /// Stores a verified request, unless it is known. A store that takes longer than 5 s has
    /// failed.
    pub(crate) async fn receive(
        &self,
        message: &Message<'_>,
        request: StoredRequest,
        now: UnixMillis,
    ) -> Result<ReceiveOutcome, StoreError> {
        let id = InboxId::generate(now, &SystemEntropy);
        let keys = self.inner.deriver.derive(0, message);
        let message = NewMessage::new(id, self.source().into(), keys, request);
        let id = message.id.clone();
        let outcome = with_timeout(self.inner.store.receive(message, now)).await?;
        if matches!(outcome, ReceiveOutcome::New { .. }) {
            tracing::info!(source = self.source(), message = %id, "webhook stored");
        }
        Ok(outcome)
    }

    /// This method and the following ones fail after 5 s: a dead connection must not silence a
    /// worker.
    pub(crate) async fn lease(
        &self,
        request: InboxLeaseRequest,
    ) -> Result<Vec<InboxLease>, StoreError> {
        with_timeout(self.inner.store.lease(self.source(), request)).await
    }

    pub(crate) async fn settle(
        &self,
        lease: &InboxLease,
        outcome: InboxOutcome,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        with_timeout(self.inner.store.settle(lease, outcome, now)).await
    }

    pub(crate) async fn extend(
        &self,
        lease: &InboxLease,
        until: UnixMillis,
    ) -> Result<(), StoreError> {
        with_timeout(self.inner.store.extend(lease, until)).await
    }

    pub(crate) async fn release(
        &self,
        lease: &InboxLease,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        with_timeout(self.inner.store.release(lease, now)).await
    }

    pub(crate) async fn next_due(&self, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError> {
        with_timeout(self.inner.store.next_due(self.source(), now)).await
    }

    pub(crate) async fn prune(
        &self,
        before: UnixMillis,
        now: UnixMillis,
        max: NonZeroU16,
    ) -> Result<usize, StoreError> {
        with_timeout(self.inner.store.prune(self.source(), before, now, max)).await
    }

    pub(crate) fn listen(&self) -> QueueListener {
        self.inner.store.listen()
    }
}

async fn with_timeout<T>(
    reply: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(TIMEOUT, reply)
        .await
        .map_err(StoreError::unavailable)?
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("source", &self.inner.source)
            .finish_non_exhaustive()
    }
}
