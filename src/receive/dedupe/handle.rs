//! Erased handle to a store, bound to one source.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::keys::{DedupeKeys, Message};
use super::memory::MemoryDedupe;
use super::port::{Claimed, DedupeStore};
use super::reply::Reply;
use super::source::{InvalidSource, Source};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

/// Timeout of a store.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Erased handle to a dedupe store, for one source.
///
/// Clones share the store. A call of the store fails after 5 s.
#[derive(Clone, Debug)]
pub struct Dedupe(Arc<Inner>);

struct Inner {
    store: Box<dyn DedupeStore>,
    source: Source,
}

impl Dedupe {
    /// Creates a handle to `store` for the receiver named `source`.
    ///
    /// The name separates receivers that share a store: each handles a message once. Processes of
    /// the same receiver use the same name. It never comes from a request.
    ///
    /// ```
    /// use tower_auth_sync::dedupe::{Dedupe, MemoryDedupe};
    ///
    /// let dedupe = Dedupe::new(MemoryDedupe::new(), "crm")?;
    /// assert_eq!(dedupe.source(), "crm");
    /// # Ok::<(), tower_auth_sync::dedupe::InvalidSource>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless the name has 1 to 128 printable ASCII characters without spaces.
    pub fn new(store: impl DedupeStore, source: &str) -> Result<Self, InvalidSource> {
        Ok(Self::of(store, Source::new(source)?))
    }

    /// Creates a handle to a new store in memory, with the default capacity.
    pub(crate) fn in_memory() -> Self {
        Self::of(MemoryDedupe::new(), Source::unchecked("memory"))
    }

    fn of(store: impl DedupeStore, source: Source) -> Self {
        Self(Arc::new(Inner {
            store: Box::new(store),
            source,
        }))
    }

    /// Returns the source: the receiver's configured name.
    #[must_use]
    pub fn source(&self) -> &str {
        self.0.source.name()
    }

    /// Derives the keys by which this request may claim `message`.
    pub(crate) fn keys(&self, message: &Message<'_>) -> DedupeKeys {
        self.0.source.keys(message)
    }

    pub(crate) fn claim(
        &self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Reply<Claimed> {
        with_timeout(self.0.store.claim(keys, now, until))
    }

    pub(crate) fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Reply<()> {
        with_timeout(self.0.store.renew(keys, until))
    }

    pub(crate) fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Reply<()> {
        with_timeout(self.0.store.commit(keys, now))
    }

    pub(crate) fn release(&self, keys: &DedupeKeys) -> Reply<()> {
        with_timeout(self.0.store.release(keys))
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("source", &self.source.name())
            .finish_non_exhaustive()
    }
}

fn with_timeout<T: Send + Unpin + 'static>(reply: Reply<T>) -> Reply<T> {
    match reply {
        Reply::Now(_) => reply,
        Reply::Later(reply) => Reply::later(async move {
            tokio::time::timeout(TIMEOUT, reply)
                .await
                .map_err(StoreError::unavailable)?
        }),
    }
}

impl MemoryDedupe {
    /// Creates the handle for [`VerifyWebhookLayer::with_dedupe`], for the receiver named `source`.
    ///
    /// [`VerifyWebhookLayer::with_dedupe`]: crate::receive::verify::VerifyWebhookLayer::with_dedupe
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless the name has 1 to 128 printable ASCII characters without spaces.
    pub fn dedupe(&self, source: &str) -> Result<Dedupe, InvalidSource> {
        Dedupe::new(self.clone(), source)
    }
}
