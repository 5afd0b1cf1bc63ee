//! The events and deliveries of the store, and their indexes.

use std::collections::{BTreeMap, HashMap};

use super::entries::{DeliveryEntry, EndpointQueue, EventEntry};
use crate::base::clock::UnixMillis;
use crate::base::entropy::Entropy;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, MessageId};
use crate::queue::{Expiry, Life, Stage, WorkState};
use crate::send::outbox::message::{IdempotencyKey, Inserted, NewEvent};
use crate::send::outbox::record::{Attempt, Delivery, DeliveryState};

pub(super) struct OutboxState {
    capacity: usize,
    /// In the order of their creation; the store removes none.
    pub(super) endpoints: Vec<EndpointQueue>,
    /// By a growing number.
    events: BTreeMap<u64, EventEntry>,
    next_event: u64,
    ids: HashMap<MessageId, u64>,
    keys: HashMap<IdempotencyKey, u64>,
    pub(super) deliveries: HashMap<DeliveryId, DeliveryEntry>,
    /// Events whose deliveries have all finished, by the time of the last one.
    finished: Expiry<u64>,
}

impl OutboxState {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            endpoints: Vec::new(),
            events: BTreeMap::new(),
            next_event: 0,
            ids: HashMap::new(),
            keys: HashMap::new(),
            deliveries: HashMap::new(),
            finished: Expiry::default(),
        }
    }

    pub(super) fn enqueue(
        &mut self,
        events: Vec<NewEvent>,
        now: UnixMillis,
        entropy: &dyn Entropy,
    ) -> Result<Vec<Inserted>, StoreError> {
        self.make_room(events.len())?;
        let inserted = events
            .into_iter()
            .map(|event| self.insert(event, now, entropy));
        Ok(inserted.collect())
    }

    fn insert(&mut self, event: NewEvent, now: UnixMillis, entropy: &dyn Entropy) -> Inserted {
        if let Some(id) = self.find_stored(&event) {
            return Inserted::Duplicate { id };
        }
        let number = self.next_event;
        self.next_event += 1;
        self.ids.insert(event.id.clone(), number);
        if let Some(key) = event.idempotency_key.clone() {
            self.keys.insert(key, number);
        }
        let id = event.id.clone();
        let matching: Vec<usize> = (0..self.endpoints.len())
            .filter(|index| {
                let filter = &self.endpoints[*index].endpoint.filter;
                filter.matches(&event.event_type)
            })
            .collect();
        let rows: Vec<DeliveryId> = matching
            .iter()
            .map(|index| self.insert_delivery(number, *index, now, entropy))
            .collect();
        let enabled = |index: &&usize| self.endpoints[**index].endpoint.status.is_enabled();
        let deliveries = matching.iter().filter(enabled).count();
        let row = EventEntry {
            event,
            created_at: now,
            deliveries: rows,
        };
        self.events.insert(number, row);
        self.note_finished(number);
        Inserted::New { id, deliveries }
    }

    fn find_stored(&self, event: &NewEvent) -> Option<MessageId> {
        let by_key = |key| self.keys.get(key);
        let number = self
            .ids
            .get(&event.id)
            .or_else(|| event.idempotency_key.as_ref().and_then(by_key))?;
        Some(self.events.get(number)?.event.id.clone())
    }

    fn insert_delivery(
        &mut self,
        event: u64,
        endpoint: usize,
        now: UnixMillis,
        entropy: &dyn Entropy,
    ) -> DeliveryId {
        let id = DeliveryId::generate(now, entropy);
        let is_enabled = self.endpoints[endpoint].endpoint.status.is_enabled();
        let stage = if is_enabled {
            Stage::Pending { due_at: now }
        } else {
            Stage::Finished { at: now }
        };
        let row = DeliveryEntry {
            event,
            endpoint,
            work: WorkState::new(stage),
            end: DeliveryState::Skipped,
            created_at: now,
            log: Vec::new(),
        };
        let due = &mut self.endpoints[endpoint].due;
        due.insert(&row.work, (event, id.clone()));
        self.deliveries.insert(id.clone(), row);
        id
    }

    /// Removes events that have finished, the first one first.
    fn make_room(&mut self, wanted: usize) -> Result<(), StoreError> {
        if wanted > self.capacity {
            return Err(StoreError::unavailable(OutboxFull));
        }
        while self.events.len() + wanted > self.capacity {
            let first = self.finished.pop_first();
            self.remove(first.ok_or_else(|| StoreError::unavailable(OutboxFull))?);
        }
        Ok(())
    }

    /// Deletes up to `max` events that were stored, and whose deliveries finished, before a time.
    pub(super) fn prune(&mut self, before: UnixMillis, max: usize) -> usize {
        let numbers: Vec<u64> = self.finished.before(before).take(max).collect();
        for number in &numbers {
            self.finished.pop_first();
            self.remove(*number);
        }
        numbers.len()
    }

    /// Queues an event for its deletion, if all its deliveries have finished.
    fn note_finished(&mut self, number: u64) {
        if let Some(at) = self.finished_at(number) {
            self.finished.insert(Life::default(), at, number);
        }
    }

    /// Returns the time at which the event was stored or its last delivery finished, whichever is
    /// later.
    fn finished_at(&self, number: u64) -> Option<UnixMillis> {
        let event = self.events.get(&number)?;
        let rows = event.deliveries.iter();
        let mut rows = rows.filter_map(|id| self.deliveries.get(id));
        rows.try_fold(event.created_at, |last, row| {
            Some(last.max(row.work.ended_at()?))
        })
    }

    fn remove(&mut self, number: u64) {
        let Some(EventEntry {
            event, deliveries, ..
        }) = self.events.remove(&number)
        else {
            return;
        };
        self.ids.remove(&event.id);
        if let Some(key) = &event.idempotency_key {
            self.keys.remove(key);
        }
        for id in &deliveries {
            self.deliveries.remove(id);
        }
    }

    /// Finishes a delivery.
    pub(super) fn end(&mut self, id: &DeliveryId, state: DeliveryState, now: UnixMillis) {
        self.change(id, |row| {
            row.work.finish(now);
            row.end = state;
        });
        if let Some(row) = self.deliveries.get(id) {
            self.note_finished(row.event);
        }
    }

    /// Changes a delivery and its place in the queue: the only place that does. A finished one
    /// stays so.
    pub(super) fn change(&mut self, id: &DeliveryId, change: impl FnOnce(&mut DeliveryEntry)) {
        if let Some(row) = self.deliveries.get_mut(id) {
            let due = &mut self.endpoints[row.endpoint].due;
            due.remove(&row.work, (row.event, id.clone()));
            change(row);
            due.insert(&row.work, (row.event, id.clone()));
        }
    }

    pub(super) fn event_of(&self, row: &DeliveryEntry) -> Option<&NewEvent> {
        Some(&self.events.get(&row.event)?.event)
    }

    pub(super) fn deliveries(&self, event: &MessageId) -> Vec<Delivery> {
        let Some(stored) = self.ids.get(event).and_then(|n| self.events.get(n)) else {
            return Vec::new();
        };
        let mut found: Vec<Delivery> = stored
            .deliveries
            .iter()
            .filter_map(|id| self.delivery(event, id))
            .collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found
    }

    fn delivery(&self, event: &MessageId, id: &DeliveryId) -> Option<Delivery> {
        let row = self.deliveries.get(id)?;
        let endpoint = self.endpoints[row.endpoint].endpoint.id.clone();
        let delivery = Delivery::from_stored(
            id.clone(),
            event.clone(),
            endpoint,
            row.state(),
            row.created_at,
        )
        .with_attempts(row.work.attempts())
        .with_due_at(row.work.due_at())
        .with_ended_at(row.work.ended_at());
        Some(delivery)
    }

    pub(super) fn attempts(&self, delivery: &DeliveryId) -> Vec<Attempt> {
        let row = self.deliveries.get(delivery);
        row.map(|row| row.log.clone()).unwrap_or_default()
    }
}

/// The store has its maximum of events, and too few are finished.
#[derive(Debug, thiserror::Error)]
#[error("the memory store is full of events that are still being delivered")]
struct OutboxFull;
