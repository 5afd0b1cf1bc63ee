//! Storing events: a fixed number of statements, however many events there are.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;

use super::fan_out::{FanOut, Subscribers};
use crate::base::clock::UnixMillis;
use crate::base::entropy::Entropy;
use crate::base::error::StoreError;
use crate::base::id::{DeliveryId, MessageId};
use crate::send::outbox::{Inserted, NewEvent};
use crate::store::sql::columns::{to_column, unreadable};
use crate::store::sqlite::error::store_error;

/// Stores events and their deliveries in the open transaction of `conn`. Without `fan_out` the endpoints
/// are read again.
pub(super) async fn enqueue(
    conn: &mut SqliteConnection,
    fan_out: Option<&FanOut>,
    events: &[NewEvent],
    now: UnixMillis,
    entropy: &dyn Entropy,
) -> Result<Vec<Inserted>, StoreError> {
    let mut numbers = insert_events(conn, events, now).await?;
    let mut rows = Vec::new();
    let mut inserted = Vec::with_capacity(events.len());
    if !numbers.is_empty() {
        let subscribers = match fan_out {
            Some(fan_out) => fan_out.subscribers(conn, now).await?,
            None => Subscribers::select(conn, now).await?.into(),
        };
        for event in events {
            // A second event with this id in the same call finds no number.
            inserted.push(numbers.remove(event.id.as_str()).map(|number| {
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
    }
    inserted.resize(events.len(), None);
    insert_deliveries(conn, &rows, now).await?;
    with_duplicates(conn, events, inserted).await
}

/// Inserts the new events and returns their numbers by id.
async fn insert_events(
    conn: &mut SqliteConnection,
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
    let inserted: Vec<(String, i64)> = sqlx::query_as(INSERT_EVENTS)
        .bind(json(&rows))
        .bind(payloads)
        .bind(to_column(now))
        .fetch_all(conn)
        .await
        .map_err(store_error)?;
    Ok(inserted.into_iter().collect())
}

async fn insert_deliveries(
    conn: &mut SqliteConnection,
    rows: &[(DeliveryId, i64, i64, bool)],
    now: UnixMillis,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(INSERT_DELIVERIES)
        .bind(json(rows))
        .bind(to_column(now))
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Completes `inserted` with the ids of the stored events that made the others duplicates.
async fn with_duplicates(
    conn: &mut SqliteConnection,
    events: &[NewEvent],
    inserted: Vec<Option<Inserted>>,
) -> Result<Vec<Inserted>, StoreError> {
    let stored = if inserted.iter().any(Option::is_none) {
        select_stored(conn, events).await?
    } else {
        StoredEvents::default()
    };
    inserted
        .into_iter()
        .zip(events)
        .map(|(inserted, event)| match inserted {
            Some(new) => Ok(new),
            None => stored.duplicate_of(event),
        })
        .collect()
}

/// The stored events with an id or a key of this call.
#[derive(Default)]
struct StoredEvents {
    ids: HashSet<String>,
    by_key: HashMap<String, String>,
}

async fn select_stored(
    conn: &mut SqliteConnection,
    events: &[NewEvent],
) -> Result<StoredEvents, StoreError> {
    let ids: Vec<_> = events.iter().map(|event| &event.id).collect();
    let keys = events
        .iter()
        .filter_map(|event| event.idempotency_key.as_ref());
    let keys: Vec<_> = keys.map(|key| key.as_str()).collect();
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(SELECT_STORED)
        .bind(json(&ids))
        .bind(json(&keys))
        .fetch_all(conn)
        .await
        .map_err(store_error)?;
    let mut stored = StoredEvents::default();
    for (id, key) in rows {
        if let Some(key) = key {
            stored.by_key.insert(key, id.clone());
        }
        stored.ids.insert(id);
    }
    Ok(stored)
}

impl StoredEvents {
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

/// Writes a parameter for `json_each`. Texts, numbers and lists of them cannot fail to serialize.
fn json<T: serde::Serialize + ?Sized>(rows: &T) -> String {
    serde_json::to_string(rows).unwrap_or_default()
}

/// `WHERE true` prevents SQLite from reading `ON CONFLICT` as a join's `ON`. A part of an empty blob is
/// null.
const INSERT_EVENTS: &str = "
INSERT INTO tas_events (id, type, payload, created_at, idempotency_key)
SELECT value ->> 0, value ->> 1, coalesce(substr(?2, value ->> 2, value ->> 3), x''), ?3, value ->> 4
FROM json_each(?1)
WHERE true
ORDER BY key
ON CONFLICT DO NOTHING
RETURNING id, seq";

const INSERT_DELIVERIES: &str = "
INSERT INTO tas_deliveries (id, event, endpoint, state, due_at, created_at, ended_at)
SELECT value ->> 0, value ->> 1, value ->> 2,
    iif(value ->> 3, 'pending', 'skipped'), iif(value ->> 3, ?2, NULL),
    ?2, iif(value ->> 3, NULL, ?2)
FROM json_each(?1)";

const SELECT_STORED: &str = "
SELECT id, idempotency_key FROM tas_events
WHERE id IN (SELECT value FROM json_each(?1))
UNION
SELECT id, idempotency_key FROM tas_events
WHERE idempotency_key IN (SELECT value FROM json_each(?2))";
