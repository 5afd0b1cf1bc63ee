//! Erased handle to a store, bound to one source.

use std::fmt;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use super::entry::InboxEntry;
use super::message::{InboxLease, InboxOutcome, NewMessage};
use super::port::{InboxLog, InboxStore};
use super::request::StoredRequest;
use crate::base::actor::Actor;
use crate::base::clock::{Clock, SystemClock, UnixMillis};
use crate::base::entropy::SystemEntropy;
use crate::base::erased::erased;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::{LeaseRequest, QueueListener};
use crate::receive::dedupe::{Claimed, InvalidSource, Message, Source};

/// Timeout of a store, for calls of a receiver or a worker.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Erased handle to a store of received messages, for one source.
///
/// Clones share the store. See the [module docs](super) for an example.
#[derive(Clone)]
pub struct Inbox {
    inner: Arc<Inner>,
    clock: Arc<dyn Clock>,
    actor: Actor,
}

struct Inner {
    store: Box<dyn DynInboxStore>,
    source: Source,
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
        Ok(Self {
            inner: Arc::new(Inner {
                store: Box::new(store),
                source: Source::new(source)?,
            }),
            clock: Arc::new(SystemClock),
            actor: Actor::system(),
        })
    }

    /// Sets the clock. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets who makes the changes through this handle. Default: [`Actor::system`].
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self {
            actor,
            ..self.clone()
        }
    }

    /// Returns the source: the receiver's configured name.
    #[must_use]
    pub fn source(&self) -> &str {
        self.inner.source.name()
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
    /// whether a failed message has this id and its key is still its own: once the key has ended,
    /// another request may have claimed it, and the message is not handled twice.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store fails.
    pub async fn requeue(&self, id: &InboxId) -> Result<bool, StoreError> {
        let (store, now) = (&self.inner.store, self.clock.now());
        store.requeue(self.source(), id, &self.actor, now).await
    }

    /// Stores a verified request, unless it is known. A store that takes longer than 5 s has
    /// failed.
    pub(crate) async fn receive(
        &self,
        message: &Message<'_>,
        request: StoredRequest,
        now: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        let id = InboxId::generate(now, &SystemEntropy);
        let keys = self.inner.source.keys(message);
        let source = self.source().into();
        self.store(NewMessage::new(id, source, keys, request), now)
            .await
    }

    pub(crate) async fn store(
        &self,
        message: NewMessage,
        now: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        let id = message.id.clone();
        let claimed = with_timeout(self.inner.store.receive(message, now)).await?;
        if matches!(claimed, Claimed::Fresh { .. }) {
            tracing::info!(source = self.source(), message = %id, "webhook stored");
        }
        Ok(claimed)
    }

    /// This method and the following ones fail after 5 s: a dead connection must not silence a
    /// worker.
    pub(crate) async fn lease(&self, request: LeaseRequest) -> Result<Vec<InboxLease>, StoreError> {
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
        max: NonZeroU16,
    ) -> Result<usize, StoreError> {
        with_timeout(self.inner.store.prune(self.source(), before, max)).await
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
            .field("source", &self.source())
            .finish_non_exhaustive()
    }
}

erased! {
    /// [`InboxStore`] and [`InboxLog`] as an object.
    trait DynInboxStore: InboxStore, InboxLog;
    async InboxStore::receive(message: NewMessage, now: UnixMillis) -> Result<Claimed, StoreError>;
    async InboxStore::lease(source: &'a str, request: LeaseRequest) -> Result<Vec<InboxLease>, StoreError>;
    async InboxStore::settle(lease: &'a InboxLease, outcome: InboxOutcome, now: UnixMillis) -> Result<(), StoreError>;
    async InboxStore::extend(lease: &'a InboxLease, until: UnixMillis) -> Result<(), StoreError>;
    async InboxStore::release(lease: &'a InboxLease, now: UnixMillis) -> Result<(), StoreError>;
    async InboxStore::next_due(source: &'a str, now: UnixMillis) -> Result<Option<UnixMillis>, StoreError>;
    async InboxStore::prune(source: &'a str, before: UnixMillis, max: NonZeroU16) -> Result<usize, StoreError>;
    async InboxLog::find(source: &'a str, id: &'a InboxId) -> Result<Option<InboxEntry>, StoreError>;
    async InboxLog::failed(source: &'a str, after: Option<&'a InboxId>, max: NonZeroU16) -> Result<Vec<InboxEntry>, StoreError>;
    async InboxLog::requeue(source: &'a str, id: &'a InboxId, actor: &'a Actor, now: UnixMillis) -> Result<bool, StoreError>;
    fn InboxStore::listen() -> QueueListener;
}
