//! Storing events: a fixed number of statements, however many events there are.

use std::collections::{HashMap, HashSet};

use super::dialect::{OutboxSql, json};
use super::subscribers::Subscribers;
use crate::base::clock::UnixMillis;
use crate::base::entropy::Entropy;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, MessageId};
use crate::send::outbox::{Inserted, NewEvent};
use crate::store::sql::columns::unreadable;
use crate::store::sql::statement::Statement;

/// Inserts the new events and returns their numbers by id.
pub(crate) async fn insert_events<C: OutboxSql>(
    conn: &mut C,
    events: &[NewEvent],
    now: UnixMillis,
) -> Result<HashMap<String, i64>, StoreError> {
    // The payloads are one blob, which SQL splits: JSON texts would have to be UTF-8, and escaped.
    let mut payloads = Vec::with_capacity(events.iter().map(|event| event.payload.len()).sum());
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        rows.push((
            &event.id,
            &event.event_type,
            payloads.len() + 1,
            event.payload.len(),
            event.idempotency_key.as_ref().map(|key| key.as_str()),
        ));
        payloads.extend_from_slice(&event.payload);
    }
    let insert = Statement::new(C::INSERT_EVENTS).text(&*json(&rows));
    let inserted: Vec<(String, i64)> = conn.fetch_all(insert.blob(&*payloads).time(now)).await?;
    Ok(inserted.into_iter().collect())
}

/// Stores the deliveries of the new events, which have `numbers`. Returns what became of each event.
///
/// Without `subscribers` there are no new events.
pub(crate) async fn insert_deliveries<C: OutboxSql>(
    conn: &mut C,
    events: &[NewEvent],
    mut numbers: HashMap<String, i64>,
    subscribers: Option<&Subscribers>,
    now: UnixMillis,
    entropy: &dyn Entropy,
) -> Result<Vec<Inserted>, StoreError> {
    let mut rows = Vec::new();
    let mut inserted = Vec::with_capacity(events.len());
    for event in events {
        // A second event with this id in the same call finds no number.
        let new = subscribers.zip(numbers.remove(event.id.as_str()));
        inserted.push(new.map(|(subscribers, number)| {
            let first = rows.len();
            rows.extend(subscribers.of(&event.event_type).map(|(seq, enabled)| {
                let id = DeliveryId::generate(now, entropy);
                (id, number, seq, enabled)
            }));
            let pending = rows[first..].iter().filter(|row| row.3);
            Inserted::New {
                id: event.id.clone(),
                deliveries: pending.count(),
            }
        }));
    }
    if !rows.is_empty() {
        let insert = Statement::new(C::INSERT_DELIVERIES).text(&*json(&rows));
        conn.execute(insert.time(now)).await?;
    }
    with_duplicates(conn, events, inserted).await
}

/// Completes `inserted` with the ids of the stored events that made the others duplicates.
async fn with_duplicates<C: OutboxSql>(
    conn: &mut C,
    events: &[NewEvent],
    inserted: Vec<Option<Inserted>>,
) -> Result<Vec<Inserted>, StoreError> {
    let stored = if inserted.iter().any(Option::is_none) {
        StoredEvents::select(conn, events).await?
    } else {
        StoredEvents::default()
    };
    let inserted = inserted.into_iter().zip(events);
    inserted
        .map(|(new, event)| new.map_or_else(|| stored.duplicate_of(event), Ok))
        .collect()
}

/// The stored events with an id or a key of this call.
#[derive(Default)]
struct StoredEvents {
    ids: HashSet<String>,
    by_key: HashMap<String, String>,
}

impl StoredEvents {
    async fn select<C: OutboxSql>(conn: &mut C, events: &[NewEvent]) -> Result<Self, StoreError> {
        let ids: Vec<_> = events.iter().map(|event| &event.id).collect();
        let keys = events
            .iter()
            .filter_map(|event| event.idempotency_key.as_ref());
        let keys: Vec<_> = keys.map(|key| key.as_str()).collect();
        let select = Statement::new(C::SELECT_STORED).text(&*json(&ids));
        let rows: Vec<(String, Option<String>)> =
            conn.fetch_all(select.text(&*json(&keys))).await?;
        let mut stored = Self::default();
        for (id, key) in rows {
            if let Some(key) = key {
                stored.by_key.insert(key, id.clone());
            }
            stored.ids.insert(id);
        }
        Ok(stored)
    }

    fn duplicate_of(&self, event: &NewEvent) -> Result<Inserted, StoreError> {
        if self.ids.contains(event.id.as_str()) {
            let id = event.id.clone();
            return Ok(Inserted::Duplicate { id });
        }
        let key = event.idempotency_key.as_ref();
        let id = key.and_then(|key| self.by_key.get(key.as_str()));
        let id = id.and_then(|id| MessageId::new(id.as_str()).ok());
        let id = id.ok_or_else(|| unreadable("tas_events.id"))?;
        Ok(Inserted::Duplicate { id })
    }
}
