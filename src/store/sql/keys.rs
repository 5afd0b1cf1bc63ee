//! The port of signing keys in SQL: statements and rows.

use super::columns::{time, unreadable};
use super::statement::Statement;
use crate::base::error::StoreError;
use crate::base::secret::Secret;
use crate::token::{KeyId, StoredKey};

/// Selects the keys of an issuer, oldest first.
pub(crate) fn list(issuer: &str) -> Statement {
    Statement::new(LIST).text(issuer)
}

/// Inserts a key behind the key `after`: changes one row or none.
pub(crate) fn append(key: &StoredKey, after: Option<&KeyId>) -> Statement {
    Statement::new(APPEND)
        .text(key.issuer.as_str())
        .text(key.id.as_str())
        .text(key.jwk.expose())
        .time(key.created_at)
        .text(after.map(KeyId::as_str))
}

const LIST: &str = "
SELECT issuer, id, jwk, created_at FROM tas_keys WHERE issuer = $1 ORDER BY seq";

/// Statements at once with one newest key insert at one place, where only the first finds room.
const APPEND: &str = "
WITH newest AS (
    SELECT id, seq FROM tas_keys WHERE issuer = $1 ORDER BY seq DESC LIMIT 1
)
INSERT INTO tas_keys (issuer, seq, id, jwk, created_at)
SELECT $1, coalesce((SELECT seq FROM newest), 0) + 1, $2, $3, $4
WHERE (SELECT id FROM newest) IS NOT DISTINCT FROM $5
ON CONFLICT DO NOTHING";

#[derive(sqlx::FromRow)]
pub(crate) struct KeyRow {
    issuer: String,
    id: String,
    jwk: String,
    created_at: i64,
}

impl TryFrom<KeyRow> for StoredKey {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        let id = KeyId::new(row.id).map_err(|_invalid| unreadable("tas_keys.id"))?;
        let jwk = Secret::verbatim(row.jwk).map_err(|_empty| unreadable("tas_keys.jwk"))?;
        let created_at = time("tas_keys.created_at", row.created_at)?;
        Ok(Self::new(row.issuer, id, jwk, created_at))
    }
}
