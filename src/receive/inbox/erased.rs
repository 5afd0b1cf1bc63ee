//! Store with its type erased.

use std::future::Future;
use std::num::NonZeroU16;
use std::pin::Pin;

use super::entry::InboxEntry;
use super::message::{InboxLease, InboxLeaseRequest, InboxOutcome, NewMessage, ReceiveOutcome};
use super::port::{InboxLog, InboxStore};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::QueueListener;

type InboxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Declares [`DynInboxStore`] with the async functions of both ports, each boxed.
macro_rules! dyn_store {
    ($($port:ident::$name:ident($($arg:ident: $type:ty),*) -> $output:ty;)*) => {
        /// [`InboxStore`] and [`InboxLog`] as an object.
        pub(super) trait DynInboxStore: Send + Sync {
            $(fn $name<'a>(&'a self, $($arg: $type),*) -> InboxFuture<'a, $output>;)*

            fn listen(&self) -> QueueListener;
        }

        impl<S: InboxStore + InboxLog> DynInboxStore for S {
            $(
                fn $name<'a>(&'a self, $($arg: $type),*) -> InboxFuture<'a, $output> {
                    Box::pin($port::$name(self, $($arg),*))
                }
            )*

            fn listen(&self) -> QueueListener {
                InboxStore::listen(self)
            }
        }
    };
}

dyn_store! {
    InboxStore::receive(message: NewMessage, now: UnixMillis) -> ReceiveOutcome;
    InboxStore::lease(source: &'a str, request: InboxLeaseRequest) -> Vec<InboxLease>;
    InboxStore::settle(lease: &'a InboxLease, outcome: InboxOutcome, now: UnixMillis) -> ();
    InboxStore::extend(lease: &'a InboxLease, until: UnixMillis) -> ();
    InboxStore::release(lease: &'a InboxLease, now: UnixMillis) -> ();
    InboxStore::next_due(source: &'a str, now: UnixMillis) -> Option<UnixMillis>;
    InboxStore::prune(source: &'a str, before: UnixMillis, now: UnixMillis, max: NonZeroU16) -> usize;
    InboxLog::find(source: &'a str, id: &'a InboxId) -> Option<InboxEntry>;
    InboxLog::failed(source: &'a str, after: Option<&'a InboxId>, max: NonZeroU16) -> Vec<InboxEntry>;
    InboxLog::requeue(source: &'a str, id: &'a InboxId, now: UnixMillis) -> bool;
}
