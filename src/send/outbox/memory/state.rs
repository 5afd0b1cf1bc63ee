//! The events and deliveries of the store, and their indexes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::entries::{DeliveryEntry, EndpointQueues, EventEntry, QueueSlot};
use crate::base::clock::UnixMillis;
use crate::base::entropy::Entropy;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, MessageId};
use crate::send::outbox::message::{IdempotencyKey, Inserted, NewEvent};
use crate::send::outbox::record::{Attempt, Delivery, DeliveryState};

pub(super) struct OutboxState {
    capacity: usize,
    /// In the order of their creation; the store removes none.
    pub(super) endpoints: Vec<EndpointQueues>,
    /// By a growing number, so that the oldest is the first.
    events: BTreeMap<u64, EventEntry>,
    next_event: u64,
    ids: HashMap<MessageId, u64>,
    keys: HashMap<IdempotencyKey, u64>,
    pub(super) deliveries: HashMap<DeliveryId, DeliveryEntry>,
    /// Pending deliveries without an attempt.
    pub(super) untried: BTreeSet<QueueSlot>,
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
            untried: BTreeSet::new(),
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
        let row = DeliveryEntry {
            event,
            endpoint,
            state: DeliveryState::Skipped,
            due_at: None,
            attempts: 0,
            token: 0,
            created_at: now,
            ended_at: Some(now),
            log: Vec::new(),
        };
        self.deliveries.insert(id.clone(), row);
        if self.endpoints[endpoint].endpoint.status.is_enabled() {
            self.wait(&id, now);
        }
        id
    }

    /// Removes the oldest events, while they are finished.
    fn make_room(&mut self, wanted: usize) -> Result<(), StoreError> {
        if wanted > self.capacity {
            return Err(StoreError::unavailable(OutboxFull));
        }
        while self.events.len() + wanted > self.capacity {
            let oldest = self.events.first_key_value();
            match oldest {
                Some((&number, row)) if self.has_finished(row, |_at| true) => self.remove(number),
                _ => return Err(StoreError::unavailable(OutboxFull)),
            }
        }
        Ok(())
    }

    /// Deletes up to `max` events that were stored, and whose deliveries finished, before a time.
    pub(super) fn prune(&mut self, before: UnixMillis, max: usize) -> usize {
        let is_finished = |row: &EventEntry| {
            row.created_at < before && self.has_finished(row, |ended_at| ended_at < before)
        };
        let finished = self.events.iter().filter(|(_, row)| is_finished(row));
        let numbers: Vec<u64> = finished.map(|(number, _)| *number).take(max).collect();
        for number in &numbers {
            self.remove(*number);
        }
        numbers.len()
    }

    /// Returns whether each delivery has finished, at a time that satisfies `passes`.
    fn has_finished(&self, row: &EventEntry, passes: impl Fn(UnixMillis) -> bool) -> bool {
        row.deliveries.iter().all(|id| {
            let row = self.deliveries.get(id);
            row.is_none_or(|row| row.ended_at.is_some_and(&passes))
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

    /// Makes a delivery pending.
    pub(super) fn wait(&mut self, id: &DeliveryId, due_at: UnixMillis) {
        self.place(id, DeliveryState::Pending, Some(due_at), None);
    }

    /// Finishes a delivery.
    pub(super) fn end(&mut self, id: &DeliveryId, state: DeliveryState, now: UnixMillis) {
        self.place(id, state, None, Some(now));
    }

    /// Changes a delivery's state and its queues: the only place that does.
    pub(super) fn place(
        &mut self,
        id: &DeliveryId,
        state: DeliveryState,
        due_at: Option<UnixMillis>,
        ended_at: Option<UnixMillis>,
    ) {
        let Some(row) = self.deliveries.get_mut(id) else {
            return;
        };
        let endpoint = &mut self.endpoints[row.endpoint];
        let slot = |due_at| (due_at, row.event, id.clone());
        if let (Some(queue), Some(due_at)) = (endpoint.queue(row.state), row.due_at) {
            queue.remove(&slot(due_at));
            self.untried.remove(&slot(due_at));
        }
        if let (Some(queue), Some(due_at)) = (endpoint.queue(state), due_at) {
            queue.insert(slot(due_at));
            if state == DeliveryState::Pending && row.attempts == 0 {
                self.untried.insert(slot(due_at));
            }
        }
        (row.state, row.due_at, row.ended_at) = (state, due_at, ended_at);
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
            row.state,
            row.created_at,
        )
        .with_attempts(row.attempts)
        .with_due_at(row.due_at)
        .with_ended_at(row.ended_at);
        Some(delivery)
    }

    pub(super) fn attempts(&self, delivery: &DeliveryId) -> Vec<Attempt> {
        let row = self.deliveries.get(delivery);
        row.map(|row| row.log.clone()).unwrap_or_default()
    }
}

/// The store has its maximum of events, and the oldest is not finished.
#[derive(Debug, thiserror::Error)]
#[error("the memory store is full and its oldest event is still being delivered")]
struct OutboxFull;
