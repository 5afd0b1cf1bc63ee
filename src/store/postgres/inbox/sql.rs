//! The statements.

/// Stores the message with all its keys, or nothing, and notes the id. A known message gets the
/// request's key.
///
/// The statement reads claimed keys as they were when it began, but a conflicting key as it is now:
/// if the message of that key is new, the statement does not see it as finished. If the statement
/// cannot claim every key, the division fails and rolls the statement back.
pub(super) const RECEIVE: &str = "
WITH known AS (
    SELECT n.message FROM tas_inbox_names n JOIN tas_inbox m ON m.seq = n.message
    WHERE n.kind = 0 AND n.key = ANY ($1) AND (m.ended_at IS NULL OR m.ended_at > $4 - m.keep)
    ORDER BY n.key = ($1)[1] DESC LIMIT 1
), came AS (
    INSERT INTO tas_inbox_names AS old (key, kind, message, body)
    SELECT ($1)[2], 0, message, $3 FROM known WHERE cardinality($1) = 2
    ON CONFLICT (key, kind) DO UPDATE SET message = excluded.message, body = excluded.body
        WHERE EXISTS (
            SELECT FROM tas_inbox m WHERE m.seq = old.message AND m.ended_at <= $4 - m.keep)
), message AS (
    INSERT INTO tas_inbox (id, source, state, due_at, keep, received_at, head, body)
    SELECT $5, $6, 'pending', $4, $7, $4, $8, $9 WHERE NOT EXISTS (SELECT FROM known)
    RETURNING seq
), named AS (
    INSERT INTO tas_inbox_names AS old (key, kind, message, body)
    SELECT name, 0, message.seq, $3 FROM message, unnest($1) AS name
    ORDER BY name
    ON CONFLICT (key, kind) DO UPDATE SET message = excluded.message, body = excluded.body
        WHERE EXISTS (
            SELECT FROM tas_inbox m WHERE m.seq = old.message AND m.ended_at <= $4 - m.keep)
    RETURNING 1
), counted AS (
    SELECT count(*) AS names FROM named
), noted AS (
    INSERT INTO tas_inbox_names (key, kind, message, body)
    SELECT $2, 1, message.seq, $3 FROM message, counted
    WHERE $2 IS NOT NULL AND names = cardinality($1)
    ON CONFLICT (key, kind) DO UPDATE SET message = excluded.message, body = excluded.body
)
SELECT
    CASE WHEN names = cardinality($1) OR NOT EXISTS (SELECT FROM message) THEN names
        ELSE 1 / (names - names) END,
    EXISTS (SELECT FROM tas_inbox_names WHERE kind = 1 AND key = $2 AND body <> $3),
    EXISTS (SELECT FROM known)
FROM counted";

/// Selects messages with a date from a clock that was ahead. `$2` is the time; `$3` and `$4` are the
/// latest possible ends of a lease and of a wait.
macro_rules! dated_ahead {
    () => {
        "SELECT seq FROM tas_inbox WHERE source = $1 AND attempt = 0 AND due_at > $2
UNION ALL
SELECT seq FROM tas_inbox WHERE source = $1 AND state = 'leased' AND due_at > $3
UNION ALL
SELECT seq FROM tas_inbox WHERE source = $1 AND due_at > $4"
    };
}

pub(super) const REDATE: &str = concat!(
    "UPDATE tas_inbox SET due_at = CASE WHEN state = 'leased' THEN $5 ELSE $2 END
WHERE seq IN (SELECT seq FROM tas_inbox WHERE seq IN (",
    dated_ahead!(),
    ") AND due_at > $2 FOR UPDATE SKIP LOCKED)"
);

pub(super) const END_LAPSED: &str = "
UPDATE tas_inbox
SET state = 'failed', due_at = NULL, ended_at = $2, failure = 'lapsed', status = NULL
WHERE seq IN (
    SELECT seq FROM tas_inbox
    WHERE source = $1 AND due_at <= $2 AND state = 'leased' AND attempt >= $3
    FOR UPDATE SKIP LOCKED)";

pub(super) const LEASE: &str = "
WITH due AS (
    SELECT seq, due_at FROM tas_inbox
    WHERE source = $1 AND due_at <= $2 AND (state = 'pending' OR attempt < $3)
    ORDER BY due_at, seq LIMIT $4 FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE tas_inbox m
    SET state = 'leased', attempt = m.attempt + 1, fence = m.fence + 1, due_at = $5
    FROM due WHERE m.seq = due.seq
    RETURNING m.seq, m.id, m.attempt, m.fence, m.head, m.body, due.due_at AS since
)
SELECT id, attempt, fence, head, body FROM leased ORDER BY since, seq";

pub(super) const SETTLE: &str = "
UPDATE tas_inbox
SET state = $3, due_at = $4, ended_at = $5, failure = $6, status = $7,
    head = CASE WHEN $3 = 'done' THEN NULL ELSE head END,
    body = CASE WHEN $3 = 'done' THEN NULL ELSE body END
WHERE id = $1 AND fence = $2 AND state = 'leased'";

pub(super) const EXTEND: &str = "
UPDATE tas_inbox SET due_at = $3 WHERE id = $1 AND fence = $2 AND state = 'leased'";

pub(super) const RELEASE: &str = "
UPDATE tas_inbox SET state = 'pending', due_at = $3, attempt = attempt - 1
WHERE id = $1 AND fence = $2 AND state = 'leased'";

pub(super) const NEXT_DUE: &str = concat!(
    "SELECT CASE WHEN EXISTS (",
    dated_ahead!(),
    ") THEN $2 ELSE (SELECT min(due_at) FROM tas_inbox WHERE source = $1 AND due_at IS NOT NULL) END"
);

/// Keys that other messages have claimed meanwhile stay.
pub(super) const PRUNE: &str = "
WITH over AS (
    SELECT seq FROM tas_inbox
    WHERE source = $1 AND ended_at < $2 AND ended_at <= $3 - keep
    ORDER BY ended_at LIMIT $4 FOR UPDATE SKIP LOCKED
), names AS (
    SELECT kind, key FROM tas_inbox_names WHERE message IN (SELECT seq FROM over)
    ORDER BY kind, key FOR UPDATE
), freed AS (
    DELETE FROM tas_inbox_names n USING names
    WHERE n.kind = names.kind AND n.key = names.key AND n.message IN (SELECT seq FROM over)
)
DELETE FROM tas_inbox WHERE seq IN (SELECT seq FROM over)";

pub(super) const FIND: &str = "
SELECT id, state, attempt, due_at, received_at, ended_at, failure, status, head
FROM tas_inbox WHERE source = $1 AND id = $2";

pub(super) const FAILED: &str = "
SELECT id, state, attempt, due_at, received_at, ended_at, failure, status, head
FROM tas_inbox WHERE source = $1 AND state = 'failed' AND id > $2
ORDER BY id LIMIT $3";

/// Excludes messages whose keys belong to a later message.
pub(super) const REQUEUE: &str = "
UPDATE tas_inbox SET state = 'pending', due_at = $3, ended_at = NULL, attempt = 0
WHERE source = $1 AND id = $2 AND state = 'failed'
    AND EXISTS (SELECT FROM tas_inbox_names WHERE kind = 0 AND message = seq)";
