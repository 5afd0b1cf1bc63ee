//! The emitter's store as an object.

use std::future::Future;
use std::pin::Pin;

use super::message::{Inserted, NewEvent};
use super::port::OutboxStore;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

type OutboxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The part of [`OutboxStore`] that an emitter needs, as an object.
pub(super) trait DynOutbox: Send + Sync {
    fn ping(&self) -> OutboxFuture<'_, ()>;

    fn enqueue(&self, events: Vec<NewEvent>, now: UnixMillis) -> OutboxFuture<'_, Vec<Inserted>>;
}

impl<S: OutboxStore> DynOutbox for S {
    fn ping(&self) -> OutboxFuture<'_, ()> {
        Box::pin(OutboxStore::ping(self))
    }

    fn enqueue(&self, events: Vec<NewEvent>, now: UnixMillis) -> OutboxFuture<'_, Vec<Inserted>> {
        Box::pin(OutboxStore::enqueue(self, events, now))
    }
}
