//! The statements.

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

/// The end of the keys of `m`, a message that is finished.
macro_rules! key_end {
    () => {
        "m.ended_at + LEAST(m.keep, 9223372036854775807 - m.ended_at)"
    };
}

pub(super) const END_LAPSED: &str = concat!(
    "
WITH lapsed AS (
    UPDATE tas_inbox
    SET state = 'failed', due_at = NULL, ended_at = $2, failure = 'lapsed', status = NULL
    WHERE seq IN (
        SELECT seq FROM tas_inbox
        WHERE source = $1 AND due_at <= $2 AND state = 'leased' AND attempt >= $3
        FOR UPDATE SKIP LOCKED)
    RETURNING id, ended_at, keep
), ended AS (
    SELECT k.kind, k.key, ",
    key_end!(),
    " AS until
    FROM lapsed m JOIN tas_dedupe k ON k.message = m.id ORDER BY k.key FOR UPDATE OF k
)
UPDATE tas_dedupe k SET until = ended.until FROM ended WHERE k.kind = ended.kind AND k.key = ended.key"
);

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

/// The message owns its keys until it is done: before that it may be requeued.
pub(super) const SETTLE: &str = concat!(
    "
WITH settled AS (
    UPDATE tas_inbox
    SET state = $3, due_at = $4, ended_at = $5, failure = $6, status = $7,
        head = CASE WHEN $3 = 'done' THEN NULL ELSE head END,
        body = CASE WHEN $3 = 'done' THEN NULL ELSE body END
    WHERE id = $1 AND fence = $2 AND state = 'leased'
    RETURNING id, state, ended_at, keep
), ended AS (
    UPDATE tas_dedupe k
    SET until = ",
    key_end!(),
    ", message = CASE WHEN m.state = 'done' THEN NULL ELSE k.message END
    FROM settled m WHERE k.message = m.id AND m.ended_at IS NOT NULL
)
SELECT FROM settled"
);

pub(super) const NEXT_DUE: &str = concat!(
    "SELECT CASE WHEN EXISTS (",
    dated_ahead!(),
    ") THEN $2 ELSE (SELECT min(due_at) FROM tas_inbox WHERE source = $1 AND due_at IS NOT NULL) END"
);

/// A process of version 1 ended messages without their keys.
pub(super) const PRUNE: &str = concat!(
    "
WITH finished AS (
    SELECT seq, id, ended_at, keep FROM tas_inbox
    WHERE source = $1 AND ended_at < $2
    ORDER BY ended_at LIMIT $3 FOR UPDATE SKIP LOCKED
), ended AS (
    SELECT k.kind, k.key, ",
    key_end!(),
    " AS until
    FROM finished m JOIN tas_dedupe k ON k.message = m.id ORDER BY k.key FOR UPDATE OF k
), detached AS (
    UPDATE tas_dedupe k
    SET until = CASE WHEN k.until < 9223372036854775807 THEN k.until ELSE ended.until END, message = NULL
    FROM ended WHERE k.kind = ended.kind AND k.key = ended.key
)
DELETE FROM tas_inbox WHERE seq IN (SELECT seq FROM finished)"
);

/// Excludes messages whose keys belong to another request.
pub(super) const REQUEUE: &str = "
WITH failed AS (
    SELECT id, several_keys FROM tas_inbox
    WHERE source = $1 AND id = $2 AND state = 'failed' FOR UPDATE
), held AS (
    UPDATE tas_dedupe k SET until = 9223372036854775807
    FROM failed m WHERE k.message = m.id AND (k.until > $3 OR NOT m.several_keys)
    RETURNING k.message
)
UPDATE tas_inbox SET state = 'pending', due_at = $3, ended_at = NULL, attempt = 0
WHERE id IN (SELECT message FROM held)";
