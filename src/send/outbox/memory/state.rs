//! What is stored, and how it is found again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::base::clock::UnixMillis;
use crate::base::entropy::Entropy;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, EndpointId, MessageId};
use crate::send::outbox::endpoint::{DisabledBecause, Endpoint, EndpointStatus};
use crate::send::outbox::health::Health;
use crate::send::outbox::message::{IdempotencyKey, Inserted, NewEvent};
use crate::send::outbox::record::{Attempt, Delivery, DeliveryState};

pub(super) struct State {
    capacity: usize,
    /// In the order of their creation; none is ever removed.
    pub(super) endpoints: Vec<EndpointRow>,
    /// By a number that grows, so that the oldest is the first.
    events: BTreeMap<u64, EventRow>,
    next_event: u64,
    ids: HashMap<MessageId, u64>,
    keys: HashMap<IdempotencyKey, u64>,
    pub(super) deliveries: HashMap<DeliveryId, Row>,
    /// Pending deliveries that were never tried.
    pub(super) untried: BTreeSet<Slot>,
}

pub(super) struct EndpointRow {
    pub(super) endpoint: Arc<Endpoint>,
    /// Pending deliveries by the time they are due.
    pub(super) pending: BTreeSet<Slot>,
    /// Leased deliveries by the end of their lease.
    pub(super) leased: BTreeSet<Slot>,
}

/// A delivery in a queue: by its time, then by its event's number, so that events of one
/// millisecond go out in the order in which they came.
pub(super) type Slot = (UnixMillis, u64, DeliveryId);

struct EventRow {
    event: NewEvent,
    created_at: UnixMillis,
    deliveries: Vec<DeliveryId>,
}

pub(super) struct Row {
    event: u64,
    pub(super) endpoint: usize,
    pub(super) state: DeliveryState,
    due_at: Option<UnixMillis>,
    pub(super) attempts: u32,
    pub(super) token: u64,
    created_at: UnixMillis,
    ended_at: Option<UnixMillis>,
    pub(super) log: Vec<Attempt>,
}

impl State {
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
        if let Some(id) = self.stored(&event) {
            return Inserted::Duplicate { id };
        }
        let number = self.next_event;
        self.next_event += 1;
        self.ids.insert(event.id.clone(), number);
        if let Some(key) = event.idempotency_key.clone() {
            self.keys.insert(key, number);
        }
        let id = event.id.clone();
        let wanting: Vec<usize> = (0..self.endpoints.len())
            .filter(|index| {
                let filter = &self.endpoints[*index].endpoint.filter;
                filter.matches(&event.event_type)
            })
            .collect();
        let rows: Vec<DeliveryId> = wanting
            .iter()
            .map(|index| self.insert_delivery(number, *index, now, entropy))
            .collect();
        let enabled = |index: &&usize| self.endpoints[**index].endpoint.status.is_enabled();
        let deliveries = wanting.iter().filter(enabled).count();
        let row = EventRow {
            event,
            created_at: now,
            deliveries: rows,
        };
        self.events.insert(number, row);
        Inserted::New { id, deliveries }
    }

    fn stored(&self, event: &NewEvent) -> Option<MessageId> {
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
        let row = Row {
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

    /// Takes the oldest events out, as far as they have ended.
    fn make_room(&mut self, wanted: usize) -> Result<(), StoreError> {
        if wanted > self.capacity {
            return Err(StoreError::unavailable(Full));
        }
        while self.events.len() + wanted > self.capacity {
            let oldest = self.events.first_key_value();
            match oldest {
                Some((&number, row)) if self.has_ended(row, |_at| true) => self.remove(number),
                _ => return Err(StoreError::unavailable(Full)),
            }
        }
        Ok(())
    }

    /// Deletes events that were stored, and whose deliveries ended, before a time.
    pub(super) fn prune(&mut self, before: UnixMillis, max: usize) -> usize {
        let is_over = |row: &EventRow| {
            row.created_at < before && self.has_ended(row, |ended_at| ended_at < before)
        };
        let over = self.events.iter().filter(|(_, row)| is_over(row));
        let numbers: Vec<u64> = over.map(|(number, _)| *number).take(max).collect();
        for number in &numbers {
            self.remove(*number);
        }
        numbers.len()
    }

    /// Returns whether each delivery has ended, at a time that passes.
    fn has_ended(&self, row: &EventRow, passes: impl Fn(UnixMillis) -> bool) -> bool {
        row.deliveries.iter().all(|id| {
            let row = self.deliveries.get(id);
            row.is_none_or(|row| row.ended_at.is_some_and(&passes))
        })
    }

    fn remove(&mut self, number: u64) {
        let Some(EventRow {
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

    /// Brings a delivery to a final state.
    pub(super) fn end(&mut self, id: &DeliveryId, state: DeliveryState, now: UnixMillis) {
        self.place(id, state, None, Some(now));
    }

    /// The only way to change a delivery's state: keeps the queues in step.
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

    pub(super) fn create(&mut self, endpoint: Endpoint) -> Endpoint {
        self.endpoints.push(EndpointRow {
            endpoint: Arc::new(endpoint.clone()),
            pending: BTreeSet::new(),
            leased: BTreeSet::new(),
        });
        endpoint
    }

    pub(super) fn index_of(&self, id: &EndpointId) -> Option<usize> {
        self.endpoints.iter().position(|row| row.endpoint.id == *id)
    }

    pub(super) fn endpoint(&self, id: &EndpointId) -> Option<Endpoint> {
        let row = &self.endpoints[self.index_of(id)?];
        Some(Endpoint::clone(&row.endpoint))
    }

    pub(super) fn endpoints(&self) -> Vec<Endpoint> {
        let copy = |row: &EndpointRow| Endpoint::clone(&row.endpoint);
        self.endpoints.iter().map(copy).collect()
    }

    /// Disables an endpoint that is enabled and cancels what waits for it.
    pub(super) fn disable(&mut self, index: usize, because: DisabledBecause, now: UnixMillis) {
        let row = &mut self.endpoints[index];
        if !row.endpoint.status.is_enabled() {
            return;
        }
        Arc::make_mut(&mut row.endpoint).status = EndpointStatus::Disabled { at: now, because };
        let pending: Vec<_> = row.pending.iter().map(|(.., id)| id.clone()).collect();
        for id in pending {
            self.end(&id, DeliveryState::Cancelled, now);
        }
    }

    pub(super) fn enable(&mut self, index: usize) {
        let endpoint = Arc::make_mut(&mut self.endpoints[index].endpoint);
        if !endpoint.status.is_enabled() {
            endpoint.status = EndpointStatus::Enabled;
            endpoint.health = Health::GOOD;
        }
    }

    pub(super) fn event_of(&self, row: &Row) -> Option<&NewEvent> {
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
        Some(Delivery {
            id: id.clone(),
            event: event.clone(),
            endpoint: self.endpoints[row.endpoint].endpoint.id.clone(),
            state: row.state,
            attempts: row.attempts,
            due_at: row.due_at,
            created_at: row.created_at,
            ended_at: row.ended_at,
        })
    }

    pub(super) fn attempts(&self, delivery: &DeliveryId) -> Vec<Attempt> {
        let row = self.deliveries.get(delivery);
        row.map(|row| row.log.clone()).unwrap_or_default()
    }
}

impl EndpointRow {
    fn queue(&mut self, state: DeliveryState) -> Option<&mut BTreeSet<Slot>> {
        match state {
            DeliveryState::Pending => Some(&mut self.pending),
            DeliveryState::Leased => Some(&mut self.leased),
            DeliveryState::Delivered
            | DeliveryState::Failed
            | DeliveryState::Skipped
            | DeliveryState::Cancelled => None,
        }
    }
}

/// There are as many events as the store takes, and the oldest has not ended.
#[derive(Debug, thiserror::Error)]
#[error("the memory store is full and its oldest event is still being delivered")]
struct Full;
