//! Reply of a store, at once or later.

use std::fmt;
use std::future::pending;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::base::error::StoreError;

/// Reply of a [`DedupeStore`](super::port::DedupeStore): a future that a store in memory completes
/// without an allocation.
///
/// It holds no reference: a reply may outlive the request that asked for it.
///
/// ```
/// use tower_auth_sync::dedupe::Reply;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), tower_auth_sync::StoreError> {
/// assert_eq!(Reply::Now(Ok(1)).await?, 1);
/// assert_eq!(Reply::later(async { Ok(2) }).await?, 2);
/// # Ok(())
/// # }
/// ```
#[must_use = "a reply that comes later does nothing unless it is polled"]
#[expect(clippy::exhaustive_enums, reason = "a reply is there or it is not")]
pub enum Reply<T> {
    /// The reply.
    Now(Result<T, StoreError>),
    /// The reply is on its way.
    Later(Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>),
}

impl<T> Reply<T> {
    /// Creates a reply that `reply` will give.
    pub fn later(reply: impl Future<Output = Result<T, StoreError>> + Send + 'static) -> Self {
        Self::Later(Box::pin(reply))
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now(..)",
            Self::Later(_) => "Later(..)",
        })
    }
}

impl<T: Send + Unpin + 'static> Future for Reply<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Self::Later(reply) = &mut *self {
            return reply.as_mut().poll(cx);
        }
        // Polled again after its end, it stays pending, as a future may. This box is empty.
        match mem::replace(&mut *self, Self::later(pending())) {
            Self::Now(reply) => Poll::Ready(reply),
            Self::Later(_) => Poll::Pending,
        }
    }
}
