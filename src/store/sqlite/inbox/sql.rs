//! The statements.

pub(super) const INSERT: &str = "
INSERT INTO tas_inbox (id, state, due_at, received_at, source, keep, head, body)
VALUES (?1, 'pending', ?2, ?2, ?3, ?4, ?5, ?6)";

/// Selects messages with a date from a clock that was ahead. `?2` is the time; `?3` and `?4` are the
/// latest possible ends of a lease and of a wait.
macro_rules! dated_ahead {
    () => {
        "SELECT seq FROM tas_inbox INDEXED BY tas_inbox_untried
    WHERE source = ?1 AND attempt = 0 AND due_at > ?2
UNION ALL
SELECT seq FROM tas_inbox INDEXED BY tas_inbox_leased
    WHERE source = ?1 AND state = 'leased' AND due_at > ?3
UNION ALL
SELECT seq FROM tas_inbox INDEXED BY tas_inbox_due WHERE source = ?1 AND due_at > ?4"
    };
}

pub(super) const REDATE: &str = concat!(
    "UPDATE tas_inbox SET due_at = iif(state = 'leased', ?5, ?2) WHERE seq IN (",
    dated_ahead!(),
    ")"
);

pub(super) const END_LAPSED: &str = "
UPDATE tas_inbox INDEXED BY tas_inbox_leased
SET state = 'failed', due_at = NULL, ended_at = ?2, failure = 'lapsed', status = NULL
WHERE source = ?1 AND due_at <= ?2 AND state = 'leased' AND attempt >= ?3
RETURNING id";

/// `attempt` and `fence` are those of the new lease.
pub(super) const SELECT_DUE: &str = "
SELECT id, attempt + 1 AS attempt, fence + 1 AS fence, head, body
FROM tas_inbox WHERE source = ?1 AND due_at <= ?2
ORDER BY due_at, seq LIMIT ?3";

pub(super) const MARK_LEASED: &str = "
UPDATE tas_inbox
SET state = 'leased', attempt = attempt + 1, fence = fence + 1, due_at = ?2
WHERE id IN (SELECT value FROM json_each(?1))";

pub(super) const SETTLE: &str = "
UPDATE tas_inbox
SET state = ?3, due_at = ?4, ended_at = ?5, failure = ?6, status = ?7,
    head = iif(?3 = 'done', NULL, head), body = iif(?3 = 'done', NULL, body)
WHERE id = ?1 AND fence = ?2 AND state = 'leased'";

pub(super) const NEXT_DUE: &str = concat!(
    "SELECT iif(EXISTS (",
    dated_ahead!(),
    "), ?2, (SELECT min(due_at) FROM tas_inbox WHERE source = ?1 AND due_at IS NOT NULL))"
);

/// The message owns its keys until it is done: before that it may be requeued.
pub(super) const END_KEYS: &str = "
UPDATE tas_dedupe
SET until = m.ended_at + min(m.keep, 9223372036854775807 - m.ended_at),
    message = iif(m.state = 'done', NULL, message)
FROM tas_inbox m
WHERE message = ?1 AND m.id = ?1 AND m.ended_at IS NOT NULL";

macro_rules! finished {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM tas_inbox WHERE source = ?1 AND ended_at < ?2 ORDER BY ended_at, seq LIMIT ?3"
        )
    };
}

pub(super) const FINISHED: &str = finished!("seq");

/// A process of version 1 ended messages without their keys.
pub(super) const LEAVE_KEYS: &str = concat!(
    "UPDATE tas_dedupe
SET until = iif(until < 9223372036854775807, until,
    m.ended_at + min(m.keep, 9223372036854775807 - m.ended_at)), message = NULL
FROM (",
    finished!("id, ended_at, keep"),
    ") AS m WHERE message = m.id"
);

pub(super) const DELETE: &str = concat!(
    "DELETE FROM tas_inbox WHERE seq IN (",
    finished!("seq"),
    ")"
);

/// Excludes messages whose keys belong to another request.
pub(super) const REQUEUE: &str = "
UPDATE tas_inbox SET state = 'pending', due_at = ?3, ended_at = NULL, attempt = 0
WHERE source = ?1 AND id = ?2 AND state = 'failed'
    AND EXISTS (
        SELECT 1 FROM tas_dedupe WHERE message = ?2 AND (until > ?3 OR NOT several_keys))";

pub(super) const HOLD_KEYS: &str = "
UPDATE tas_dedupe SET until = 9223372036854775807 WHERE message = ?1";
