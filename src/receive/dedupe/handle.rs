//! Erased handle to a store, bound to one source.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::keys::{DedupeKeys, KeyDeriver, Message};
use super::memory::MemoryDedupe;
use super::port::{Claimed, DedupeStore};
use crate::base::clock::UnixMillis;
use crate::base::entropy::{SystemEntropy, random};
use crate::base::error::StoreError;

/// Timeout of a store.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longest name of a source, in bytes.
const MAX_SOURCE: usize = 128;

/// Erased handle to a dedupe store, for one source.
///
/// Clones share the store. A call of the store fails after 5 s.
#[derive(Clone, Debug)]
pub struct Dedupe(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: DedupeBackend,
    source: Box<str>,
    deriver: KeyDeriver,
    /// Starts at random: two processes do not issue the same token for the same message.
    next_token: AtomicU64,
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
        check_source(source)?;
        Ok(Self::unchecked(DedupeBackend::new(store), source))
    }

    /// Creates a handle to a new store in memory, with the default capacity.
    pub(crate) fn in_memory() -> Self {
        Self::unchecked(DedupeBackend::Memory(MemoryDedupe::new()), "memory")
    }

    fn unchecked(store: DedupeBackend, source: &str) -> Self {
        Self(Arc::new(Inner {
            store,
            source: source.into(),
            deriver: KeyDeriver::new(source),
            next_token: AtomicU64::new(u64::from_be_bytes(random(&SystemEntropy))),
        }))
    }

    /// Returns the source: the receiver's configured name.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Derives the keys by which this request may claim `message`.
    pub(crate) fn keys(&self, message: &Message<'_>) -> DedupeKeys {
        let token = self.0.next_token.fetch_add(1, Ordering::Relaxed);
        self.0.deriver.derive(token, message)
    }

    pub(crate) fn claim(
        &self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Reply<Claimed> {
        match &self.0.store {
            DedupeBackend::Memory(store) => Reply::now(store.claim_now(keys, now, until)),
            DedupeBackend::Other(store) => Arc::clone(store).claim(keys.clone(), now, until),
        }
    }

    pub(crate) fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Reply<()> {
        match &self.0.store {
            DedupeBackend::Memory(store) => Reply::now(store.renew_now(keys, until)),
            DedupeBackend::Other(store) => Arc::clone(store).renew(keys.clone(), until),
        }
    }

    pub(crate) fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Reply<()> {
        match &self.0.store {
            DedupeBackend::Memory(store) => Reply::now(store.commit_now(keys, now)),
            DedupeBackend::Other(store) => Arc::clone(store).commit(keys.clone(), now),
        }
    }

    pub(crate) fn release(&self, keys: &DedupeKeys) -> Reply<()> {
        match &self.0.store {
            DedupeBackend::Memory(store) => Reply::now(store.release_now(keys)),
            DedupeBackend::Other(store) => Arc::clone(store).release(keys.clone()),
        }
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

pub(crate) fn check_source(name: &str) -> Result<(), InvalidSource> {
    if (1..=MAX_SOURCE).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(InvalidSource)
    }
}

/// The source name does not have 1 to 128 printable ASCII characters without spaces.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a source has 1 to 128 printable ASCII characters and no space")]
pub struct InvalidSource;

/// Store with its type erased. The store in memory replies at once and needs no box.
enum DedupeBackend {
    Memory(MemoryDedupe),
    Other(Arc<dyn DynDedupeStore>),
}

impl DedupeBackend {
    fn new<S: DedupeStore>(store: S) -> Self {
        match (&store as &dyn Any).downcast_ref::<MemoryDedupe>() {
            Some(memory) => Self::Memory(memory.clone()),
            None => Self::Other(Arc::new(store)),
        }
    }
}

impl fmt::Debug for DedupeBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Memory",
            Self::Other(_) => "Other",
        })
    }
}

/// Reply of a store, at once or later: one box at most.
pub(crate) enum Reply<T> {
    Now(Option<Result<T, StoreError>>),
    Later(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>),
}

impl<T> Reply<T> {
    const fn now(reply: Result<T, StoreError>) -> Self {
        Self::Now(Some(reply))
    }

    fn later(reply: impl Future<Output = Result<T, StoreError>> + Send + 'static) -> Self {
        Self::Later(Box::pin(async move {
            match tokio::time::timeout(TIMEOUT, reply).await {
                Ok(reply) => reply,
                Err(elapsed) => Err(StoreError::unavailable(elapsed)),
            }
        }))
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply(..)")
    }
}

impl<T: Unpin> Future for Reply<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            // Polled again after its end, it stays pending, as a future may.
            Self::Now(reply) => reply.take().map_or(Poll::Pending, Poll::Ready),
            Self::Later(reply) => reply.as_mut().poll(cx),
        }
    }
}

/// [`DedupeStore`] as an object, with owned arguments: a reply may outlive the request.
trait DynDedupeStore: Send + Sync {
    fn claim(
        self: Arc<Self>,
        keys: DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Reply<Claimed>;
    fn renew(self: Arc<Self>, keys: DedupeKeys, until: UnixMillis) -> Reply<()>;
    fn commit(self: Arc<Self>, keys: DedupeKeys, now: UnixMillis) -> Reply<()>;
    fn release(self: Arc<Self>, keys: DedupeKeys) -> Reply<()>;
}

impl<S: DedupeStore> DynDedupeStore for S {
    fn claim(
        self: Arc<Self>,
        keys: DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Reply<Claimed> {
        Reply::later(async move { DedupeStore::claim(&*self, &keys, now, until).await })
    }

    fn renew(self: Arc<Self>, keys: DedupeKeys, until: UnixMillis) -> Reply<()> {
        Reply::later(async move { DedupeStore::renew(&*self, &keys, until).await })
    }

    fn commit(self: Arc<Self>, keys: DedupeKeys, now: UnixMillis) -> Reply<()> {
        Reply::later(async move { DedupeStore::commit(&*self, &keys, now).await })
    }

    fn release(self: Arc<Self>, keys: DedupeKeys) -> Reply<()> {
        Reply::later(async move { DedupeStore::release(&*self, &keys).await })
    }
}
