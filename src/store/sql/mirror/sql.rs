//! The mirror's statements, with the default prefix. SQLite reads `$1` as PostgreSQL does.

use std::borrow::Cow;

use sqlx::AssertSqlSafe;

use crate::receive::mirror::TablePrefix;
use crate::store::sql::statement::Statement;

/// Begins a statement on the tables with `prefix`.
pub(super) fn statement(sql: &'static str, prefix: &TablePrefix) -> Statement {
    match with_prefix(sql, prefix) {
        Cow::Borrowed(sql) => Statement::new(sql),
        Cow::Owned(sql) => Statement::new(AssertSqlSafe(sql)),
    }
}

/// Returns the statements with `prefix` instead of the default prefix.
pub(super) fn with_prefix(sql: &'static str, prefix: &TablePrefix) -> Cow<'static, str> {
    let default = TablePrefix::default();
    if *prefix == default {
        Cow::Borrowed(sql)
    } else {
        Cow::Owned(sql.replace(default.as_str(), prefix.as_str()))
    }
}

pub(super) const SELECT_USER_FIELDS: &str = "SELECT data, versions FROM auth_users WHERE id = $1";

pub(super) const SELECT_SESSION_FIELDS: &str =
    "SELECT data, versions FROM auth_sessions WHERE handle = $1";

pub(super) const SELECT_SESSIONS_OF: &str =
    "SELECT data, versions FROM auth_sessions WHERE user_id = $1 ORDER BY handle";

pub(super) const SELECT_USER: &str =
    "SELECT data, versions, sessions_ended_by_server, sessions_ended_by_sender
     FROM auth_users WHERE id = $1";

pub(super) const SELECT_SESSION: &str =
    "SELECT data, versions, user_id, opened_by_server, opened_by_sender
     FROM auth_sessions WHERE handle = $1";

/// Not `INSERT OR REPLACE`, which deletes the row first and with it the rows that refer to it.
pub(super) const UPSERT_USER: &str = "\
INSERT INTO auth_users (
    id, email, email_verified, name, username, image, role, banned, ban_expires,
    two_factor_enabled, created_at, updated_at, sessions_ended_by_server, sessions_ended_by_sender,
    data, versions
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (id) DO UPDATE SET
    email = excluded.email, email_verified = excluded.email_verified, name = excluded.name,
    username = excluded.username, image = excluded.image, role = excluded.role,
    banned = excluded.banned, ban_expires = excluded.ban_expires,
    two_factor_enabled = excluded.two_factor_enabled,
    created_at = excluded.created_at, updated_at = excluded.updated_at,
    sessions_ended_by_server = excluded.sessions_ended_by_server,
    sessions_ended_by_sender = excluded.sessions_ended_by_sender,
    data = excluded.data, versions = excluded.versions";

pub(super) const UPSERT_SESSION: &str = "\
INSERT INTO auth_sessions (
    handle, id, user_id, expires_at, ip_address, user_agent, impersonated_by,
    active_organization_id, created_at, updated_at, opened_by_server, opened_by_sender,
    data, versions
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (handle) DO UPDATE SET
    id = excluded.id, user_id = excluded.user_id, expires_at = excluded.expires_at,
    ip_address = excluded.ip_address, user_agent = excluded.user_agent,
    impersonated_by = excluded.impersonated_by,
    active_organization_id = excluded.active_organization_id,
    created_at = excluded.created_at, updated_at = excluded.updated_at,
    opened_by_server = excluded.opened_by_server, opened_by_sender = excluded.opened_by_sender,
    data = excluded.data, versions = excluded.versions";

pub(super) const DELETE_USER: &str = "DELETE FROM auth_users WHERE id = $1";

pub(super) const DELETE_SESSION: &str = "DELETE FROM auth_sessions WHERE handle = $1";

pub(super) const INSERT_TOMBSTONES_OF: &str = "\
INSERT INTO auth_tombstones (kind, id)
SELECT 'session', handle FROM auth_sessions WHERE user_id = $1
ON CONFLICT DO NOTHING";

pub(super) const DELETE_SESSIONS_OF: &str = "DELETE FROM auth_sessions WHERE user_id = $1";

pub(super) const INSERT_TOMBSTONES_OPENED: &str = "\
INSERT INTO auth_tombstones (kind, id)
SELECT 'session', handle FROM auth_sessions
WHERE user_id = $1 AND (opened_by_server <= $2 OR opened_by_sender <= $3)
ON CONFLICT DO NOTHING";

pub(super) const DELETE_SESSIONS_OPENED: &str = "\
DELETE FROM auth_sessions
WHERE user_id = $1 AND (opened_by_server <= $2 OR opened_by_sender <= $3)";

pub(super) const INSERT_TOMBSTONE: &str =
    "INSERT INTO auth_tombstones (kind, id) VALUES ($1, $2) ON CONFLICT DO NOTHING";

pub(super) const SELECT_TOMBSTONE: &str =
    "SELECT EXISTS (SELECT 1 FROM auth_tombstones WHERE kind = $1 AND id = $2)";

pub(super) const INSERT_REVOCATION: &str = "\
INSERT INTO auth_revocations (handle, user_id, ends_at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING";

/// A revocation applies if it names the session's user or no user, or if the session has no user.
pub(super) const SELECT_REVOCATION: &str = "\
SELECT EXISTS (
    SELECT 1 FROM auth_revocations
    WHERE handle = $1 AND ends_at > $2 AND (user_id = '' OR user_id = coalesce($3, user_id))
)";

pub(super) const DELETE_ENDED_REVOCATIONS: &str =
    "DELETE FROM auth_revocations WHERE ends_at <= $1";
