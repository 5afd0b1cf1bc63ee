//! What differs between databases.

use super::rows::{DueRow, FilterRow};
use crate::store::sql::connection::{Reads, SqlConnection};
use crate::store::sql::endpoints::NumberedRow;

/// A connection to a database with an outbox. The statements are those that differ between databases.
pub(crate) trait OutboxSql:
    SqlConnection<
    Database: Reads<DueRow>
                  + Reads<FilterRow>
                  + Reads<NumberedRow>
                  + Reads<(i64,)>
                  + Reads<(i64, i64)>
                  + Reads<(String, i64)>
                  + Reads<(String, Option<String>)>,
>
{
    /// Corrects dates from a clock that was ahead. The parameters are those of
    /// [`NEXT_DUE`](Self::NEXT_DUE) without the last, and the end of a new lease.
    const REDATE: &'static str;

    /// Ends lapsed leases of the last attempt and of disabled endpoints. Parameters: the time, and the
    /// last attempt.
    const END_LAPSED: &'static str;

    /// Selects [`DueRow`]s, fairly. Parameters: the time, the most leases of an endpoint, and the most
    /// rows.
    const SELECT_DUE: &'static str;

    /// Selects endpoints. Parameter: their numbers.
    const SELECT_ENDPOINTS: &'static str;

    /// Leases deliveries. Parameters: their ids, and the leases' end.
    const MARK_LEASED: &'static str;

    /// Parameters: the time, the latest possible ends of a lease and of a wait, and the most leases of
    /// an endpoint.
    const NEXT_DUE: &'static str;

    /// Selects [`FilterRow`]s.
    const SELECT_FILTERS: &'static str;

    /// Inserts new events and returns the id and the number of each. Parameters: a list of id, type,
    /// start and length of the payload, and idempotency key; all payloads; the time.
    const INSERT_EVENTS: &'static str;

    /// Parameters: a list of id, event, endpoint, and whether it is enabled; the time.
    const INSERT_DELIVERIES: &'static str;

    /// Selects the ids and the idempotency keys of stored events. Parameters: ids, and keys.
    const SELECT_STORED: &'static str;

    /// Selects the numbers of events that are finished. Parameters: the end of the last delivery, and
    /// the most events.
    const SELECT_FINISHED: &'static str;

    /// Delete events, rows that refer to others first. Parameter: the events' numbers.
    const DELETE_FINISHED: [&'static str; 3];
}

/// Writes a list as one parameter. Texts, numbers and lists of them cannot fail to serialize.
pub(super) fn json<T: serde::Serialize + ?Sized>(rows: &T) -> String {
    serde_json::to_string(rows).unwrap_or_default()
}
