//! SQLite's statements of the outbox.

use sqlx::SqliteConnection;

use crate::store::sql::outbox::OutboxSql;

/// Selects deliveries with a date from a clock that was ahead. `$1` is the time; `$2` and `$3` are the
/// latest possible ends of a lease and of a wait.
macro_rules! dated_ahead {
    () => {
        "SELECT id FROM tas_deliveries INDEXED BY tas_deliveries_untried
    WHERE attempt = 0 AND due_at > $1
UNION ALL
SELECT id FROM tas_deliveries INDEXED BY tas_deliveries_leased WHERE state = 'leased' AND due_at > $2
UNION ALL
SELECT d.id FROM tas_endpoints e CROSS JOIN tas_deliveries d
    WHERE d.endpoint = e.seq AND d.due_at > $3"
    };
}

impl OutboxSql for SqliteConnection {
    const REDATE: &str = concat!(
        "UPDATE tas_deliveries SET due_at = iif(state = 'leased', $4, $1) WHERE id IN (",
        dated_ahead!(),
        ")"
    );

    const END_LAPSED: &str = "
UPDATE tas_deliveries
SET state = iif(attempt >= $2, 'failed', 'cancelled'), due_at = NULL, ended_at = $1
WHERE state = 'leased' AND due_at <= $1
    AND (attempt >= $2
        OR (SELECT disabled_at FROM tas_endpoints WHERE seq = endpoint) IS NOT NULL)";

    /// Selects for each endpoint no more rows than it may have under lease, so that a long backlog is not
    /// read. `turn` is a delivery's position in its endpoint's queue, after the leased deliveries.
    /// `CROSS JOIN` prevents the planner from reading all events to find the chosen ones.
    const SELECT_DUE: &str = "
WITH busy AS MATERIALIZED (
    SELECT endpoint, count(*) AS leases FROM tas_deliveries
    WHERE state = 'leased' AND due_at > $1 GROUP BY endpoint
), ready AS (
    SELECT e.seq, coalesce(b.leases, 0) AS leases
    FROM tas_endpoints e LEFT JOIN busy b ON b.endpoint = e.seq
    WHERE e.disabled_at IS NULL AND coalesce(e.not_before, 0) <= $1
        AND coalesce(b.leases, 0) < $2
), queued AS (
    SELECT d.id, d.endpoint, d.event, d.attempt, d.fence, d.due_at,
        r.leases + row_number() OVER (PARTITION BY d.endpoint ORDER BY d.due_at, d.event) AS turn
    FROM ready r CROSS JOIN tas_deliveries d
    WHERE d.id IN (
        SELECT c.id FROM tas_deliveries c
        WHERE c.endpoint = r.seq AND c.due_at <= $1
        ORDER BY c.due_at, c.event LIMIT min($2, $3)
    )
), chosen AS (
    SELECT * FROM queued WHERE turn <= $2
    ORDER BY turn, due_at, event, endpoint LIMIT $3
)
SELECT c.id, c.endpoint, c.attempt, c.fence, c.event AS event_seq, v.id AS event,
    v.type AS event_type, v.payload
FROM chosen c CROSS JOIN tas_events v ON v.seq = c.event
ORDER BY c.turn, c.due_at, c.event, c.endpoint";

    const SELECT_ENDPOINTS: &str = "
SELECT * FROM tas_endpoints WHERE seq IN (SELECT value FROM json_each($1))";

    const MARK_LEASED: &str = "
UPDATE tas_deliveries
SET state = 'leased', attempt = attempt + 1, fence = fence + 1, due_at = $2
WHERE id IN (SELECT value FROM json_each($1))";

    /// A delivery of an endpoint at its limit becomes due when the endpoint's first lease ends.
    const NEXT_DUE: &str = concat!(
        "
WITH busy AS MATERIALIZED (
    SELECT endpoint, count(*) AS leases, min(due_at) AS first_end FROM tas_deliveries
    WHERE state = 'leased' AND due_at > $1 GROUP BY endpoint
)
SELECT iif(EXISTS (",
        dated_ahead!(),
        ")
    OR EXISTS (SELECT 1 FROM tas_endpoints WHERE not_before > $3),
$1,
min(max(coalesce(e.not_before, 0), iif(
    coalesce(b.leases, 0) < $4,
    (SELECT min(d.due_at) FROM tas_deliveries d
     WHERE d.endpoint = e.seq AND d.due_at IS NOT NULL),
    b.first_end
))))
FROM tas_endpoints e LEFT JOIN busy b ON b.endpoint = e.seq
WHERE e.disabled_at IS NULL"
    );

    const SELECT_FILTERS: &str = "
SELECT CAST(filter AS BLOB) AS filter_utf8, disabled_at IS NULL AS enabled,
    json_group_array(seq) AS endpoints
FROM tas_endpoints GROUP BY filter, disabled_at IS NULL";

    /// `WHERE true` prevents SQLite from reading `ON CONFLICT` as a join's `ON`. A part of an empty blob is
    /// null.
    const INSERT_EVENTS: &str = "
INSERT INTO tas_events (id, type, payload, created_at, idempotency_key)
SELECT value ->> 0, value ->> 1, coalesce(substr($2, value ->> 2, value ->> 3), x''), $3, value ->> 4
FROM json_each($1)
WHERE true
ORDER BY key
ON CONFLICT DO NOTHING
RETURNING id, seq";

    const INSERT_DELIVERIES: &str = "
INSERT INTO tas_deliveries (id, event, endpoint, state, due_at, created_at, ended_at)
SELECT value ->> 0, value ->> 1, value ->> 2,
    iif(value ->> 3, 'pending', 'skipped'), iif(value ->> 3, $2, NULL),
    $2, iif(value ->> 3, NULL, $2)
FROM json_each($1)";

    const SELECT_STORED: &str = "
SELECT id, idempotency_key FROM tas_events
WHERE id IN (SELECT value FROM json_each($1))
UNION
SELECT id, idempotency_key FROM tas_events
WHERE idempotency_key IN (SELECT value FROM json_each($2))";

    const SELECT_FINISHED: &str = "
SELECT v.seq FROM tas_events v
WHERE v.created_at < $1 AND NOT EXISTS (
    SELECT 1 FROM tas_deliveries d
    WHERE d.event = v.seq AND (d.ended_at IS NULL OR d.ended_at >= $1)
)
ORDER BY v.created_at LIMIT $2";

    const DELETE_FINISHED: [&str; 3] = [
        "DELETE FROM tas_attempts WHERE delivery IN (
    SELECT id FROM tas_deliveries WHERE event IN (SELECT value FROM json_each($1)))",
        "DELETE FROM tas_deliveries WHERE event IN (SELECT value FROM json_each($1))",
        "DELETE FROM tas_events WHERE seq IN (SELECT value FROM json_each($1))",
    ];
}
