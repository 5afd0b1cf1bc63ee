//! Inbox in memory, for tests, demonstrations and messages that may be lost with the process.

mod leases;
mod row;
mod state;

#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use self::state::{Bounds, InboxState};
use super::entry::InboxEntry;
use super::handle::Inbox;
use super::message::{InboxLease, InboxOutcome, NewMessage};
use super::port::{InboxLog, InboxStore};
use super::request::StoredRequest;
use crate::base::actor::Actor;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::{LeaseRequest, QueueListener, QueueNotify};
use crate::receive::dedupe::{Claimed, InvalidSource, MemoryDedupe};

/// Inbox in this process's memory: nothing survives the process, not even messages with a 202.
/// Copies share the messages.
///
/// It keeps 100 000 messages, with requests of 256 MiB together. Beyond that it deletes finished
/// messages, the oldest first: done ones, then failed ones whose key has ended. If there are none,
/// it refuses new messages as [`unavailable`](StoreError::is_unavailable): a failing handler does
/// not exhaust the memory. A done message has no request, so its deletion makes no room for bytes.
///
/// A deleted message is known until its key ends, and a failed one can be requeued until then. A
/// [`MemoryDedupe`] keeps the keys, of 500 000 messages by default.
///
/// ```
/// use tower_auth_sync::inbox::MemoryInbox;
///
/// let inbox = MemoryInbox::new().inbox("crm")?;
/// # Ok::<(), tower_auth_sync::dedupe::InvalidSource>(())
/// ```
#[derive(Clone)]
pub struct MemoryInbox {
    state: Arc<Mutex<InboxState>>,
    signal: QueueNotify,
}

impl MemoryInbox {
    /// Creates an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::sharing(MemoryDedupe::new())
    }

    /// Creates an empty store that knows the messages of `dedupe` and adds its own: a receiver that
    /// changes between the two handles nothing twice.
    ///
    /// ```
    /// use tower_auth_sync::dedupe::MemoryDedupe;
    /// use tower_auth_sync::inbox::MemoryInbox;
    ///
    /// let dedupe = MemoryDedupe::new();
    /// let inbox = MemoryInbox::sharing(dedupe.clone()).inbox("crm")?;
    /// # Ok::<(), tower_auth_sync::dedupe::InvalidSource>(())
    /// ```
    #[must_use]
    pub fn sharing(dedupe: MemoryDedupe) -> Self {
        let bounds = Bounds {
            messages: MAX_MESSAGES,
            bytes: MAX_BYTES,
        };
        Self::within(bounds, dedupe)
    }

    fn within(bounds: Bounds, keys: MemoryDedupe) -> Self {
        Self {
            state: Arc::new(Mutex::new(InboxState::new(bounds, keys))),
            signal: QueueNotify::new(),
        }
    }

    /// Creates the handle for [`VerifyWebhookLayer::with_inbox`] and the worker, for the receiver
    /// named `source`.
    ///
    /// [`VerifyWebhookLayer::with_inbox`]: crate::receive::verify::VerifyWebhookLayer::with_inbox
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless the name has 1 to 128 printable ASCII characters without spaces.
    pub fn inbox(&self, source: &str) -> Result<Inbox, InvalidSource> {
        Inbox::new(self.clone(), source)
    }

    /// After a panic under the lock the state is usable: a partial change does less harm than
    /// refusing everything.
    fn state(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryInbox {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryInbox").finish_non_exhaustive()
    }
}

impl InboxStore for MemoryInbox {
    async fn receive(
        &self,
        mut message: NewMessage,
        now: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        // Shared bytes could keep a larger buffer alive than the store counts.
        let [head, body] = [message.request.head(), message.request.body()]
            .map(|bytes| Bytes::copy_from_slice(bytes));
        message.request = StoredRequest::from_stored(head, body);
        let received = self.state().receive(message, now)?;
        if matches!(received, Claimed::Fresh { .. }) {
            self.signal.notify();
        }
        Ok(received)
    }

    async fn lease(
        &self,
        source: &str,
        request: LeaseRequest,
    ) -> Result<Vec<InboxLease>, StoreError> {
        Ok(self.state().lease(source, request))
    }

    async fn settle(
        &self,
        lease: &InboxLease,
        outcome: InboxOutcome,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        self.state().settle(lease, outcome, now)
    }

    async fn extend(&self, lease: &InboxLease, until: UnixMillis) -> Result<(), StoreError> {
        self.state().extend(lease, until)
    }

    async fn release(&self, lease: &InboxLease, now: UnixMillis) -> Result<(), StoreError> {
        self.state().release(lease, now)?;
        self.signal.notify();
        Ok(())
    }

    async fn next_due(
        &self,
        source: &str,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        Ok(self.state().next_due(source, now))
    }

    async fn prune(
        &self,
        source: &str,
        before: UnixMillis,
        max: NonZeroU16,
    ) -> Result<usize, StoreError> {
        Ok(self.state().prune(source, before, max.get().into()))
    }

    fn listen(&self) -> QueueListener {
        self.signal.listen()
    }
}

impl InboxLog for MemoryInbox {
    async fn find(&self, source: &str, id: &InboxId) -> Result<Option<InboxEntry>, StoreError> {
        Ok(self.state().find(source, id))
    }

    async fn failed(
        &self,
        source: &str,
        after: Option<&InboxId>,
        max: NonZeroU16,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        Ok(self.state().failed(source, after, max.get().into()))
    }

    async fn requeue(
        &self,
        source: &str,
        id: &InboxId,
        _actor: &Actor,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let requeued = self.state().requeue(source, id, now);
        self.signal.notify();
        Ok(requeued)
    }
}

/// About 50 MiB without requests.
const MAX_MESSAGES: usize = 100_000;

const MAX_BYTES: usize = 256 * 1024 * 1024;
