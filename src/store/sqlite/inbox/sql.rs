//! The statements.

pub(super) const SELECT_KNOWN: &str = "
SELECT n.message FROM tas_inbox_names n JOIN tas_inbox m ON m.seq = n.message
WHERE n.kind = 0 AND n.key IN (?1, ?2) AND (m.ended_at IS NULL OR m.ended_at > ?3 - m.keep)
ORDER BY n.key = ?1 DESC LIMIT 1";

pub(super) const WAS_SEEN_WITH_OTHER_BODY: &str = "
SELECT EXISTS (SELECT 1 FROM tas_inbox_names WHERE kind = 1 AND key = ?1 AND body <> ?2)";

pub(super) const INSERT: &str = "
INSERT INTO tas_inbox (id, source, state, due_at, keep, received_at, head, body)
VALUES (?1, ?2, 'pending', ?3, ?4, ?3, ?5, ?6)
RETURNING seq";

/// Also claims the keys of messages whose retention has passed.
pub(super) const INSERT_KEYS: &str = "
INSERT INTO tas_inbox_names (key, kind, message, body)
SELECT name.column2, name.column1, ?4, ?5
FROM (VALUES (0, ?1), (0, ?2), (1, ?3)) AS name
WHERE name.column2 IS NOT NULL
ON CONFLICT (key, kind) DO UPDATE SET message = excluded.message, body = excluded.body";

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

/// Excludes a key that another known message has.
pub(super) const INSERT_REPLAY_KEY: &str = "
INSERT INTO tas_inbox_names AS old (key, kind, message, body) VALUES (?1, 0, ?2, ?3)
ON CONFLICT (key, kind) DO UPDATE SET message = excluded.message, body = excluded.body
    WHERE EXISTS (
        SELECT 1 FROM tas_inbox m WHERE m.seq = old.message AND m.ended_at <= ?4 - m.keep)";

pub(super) const END_LAPSED: &str = "
UPDATE tas_inbox INDEXED BY tas_inbox_leased
SET state = 'failed', due_at = NULL, ended_at = ?2, failure = 'lapsed', status = NULL
WHERE source = ?1 AND due_at <= ?2 AND state = 'leased' AND attempt >= ?3";

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

pub(super) const EXTEND: &str = "
UPDATE tas_inbox SET due_at = ?3 WHERE id = ?1 AND fence = ?2 AND state = 'leased'";

pub(super) const RELEASE: &str = "
UPDATE tas_inbox SET state = 'pending', due_at = ?3, attempt = attempt - 1
WHERE id = ?1 AND fence = ?2 AND state = 'leased'";

pub(super) const NEXT_DUE: &str = concat!(
    "SELECT iif(EXISTS (",
    dated_ahead!(),
    "), ?2, (SELECT min(due_at) FROM tas_inbox WHERE source = ?1 AND due_at IS NOT NULL))"
);

pub(super) const SELECT_FINISHED: &str = "
SELECT seq FROM tas_inbox
WHERE source = ?1 AND ended_at < ?2 AND ended_at <= ?3 - keep
ORDER BY ended_at LIMIT ?4";

pub(super) const DELETE_KEYS: &str = "
DELETE FROM tas_inbox_names WHERE message IN (SELECT value FROM json_each(?1))";

pub(super) const DELETE_MESSAGES: &str = "
DELETE FROM tas_inbox WHERE seq IN (SELECT value FROM json_each(?1))";

pub(super) const FIND: &str = "
SELECT id, state, attempt, due_at, received_at, ended_at, failure, status, head
FROM tas_inbox WHERE source = ?1 AND id = ?2";

pub(super) const FAILED: &str = "
SELECT id, state, attempt, due_at, received_at, ended_at, failure, status, head
FROM tas_inbox WHERE source = ?1 AND state = 'failed' AND id > ?2
ORDER BY id LIMIT ?3";

/// Excludes messages whose keys belong to a later message.
pub(super) const REQUEUE: &str = "
UPDATE tas_inbox SET state = 'pending', due_at = ?3, ended_at = NULL, attempt = 0
WHERE source = ?1 AND id = ?2 AND state = 'failed'
    AND EXISTS (SELECT 1 FROM tas_inbox_names WHERE kind = 0 AND message = seq)";
