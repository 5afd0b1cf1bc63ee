//! The emitter's store without its type.

use std::future::Future;
use std::pin::Pin;

use super::message::{Inserted, NewEvent};
use super::port::OutboxStore;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The part of [`OutboxStore`] that an emitter needs, as an object.
pub(super) trait Outbox: Send + Sync {
    fn ping(&self) -> Answer<'_, ()>;

    fn enqueue(&self, events: Vec<NewEvent>, now: UnixMillis) -> Answer<'_, Vec<Inserted>>;
}

impl<S: OutboxStore> Outbox for S {
    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(OutboxStore::ping(self))
    }

    fn enqueue(&self, events: Vec<NewEvent>, now: UnixMillis) -> Answer<'_, Vec<Inserted>> {
        Box::pin(OutboxStore::enqueue(self, events, now))
    }
}
