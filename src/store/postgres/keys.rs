//! The port of signing keys.

use std::borrow::Cow;

use super::PostgresStore;
use crate::base::actor::Actor;
use crate::base::erased::become_handles;
use crate::base::error::StoreError;
use crate::store::sql::keys::{KeyRow, append, list};
use crate::store::sql::migrate::Port;
use crate::token::{KeyId, KeyStore, Keys, StoredKey};

pub(super) const KEYS: Port = Port {
    name: "keys",
    version_table: Cow::Borrowed("tas_migrations_keys"),
    scripts: Cow::Borrowed(&[(
        "keys",
        Cow::Borrowed(include_str!("migrations/keys/0001_tables.sql")),
    )]),
};

impl KeyStore for PostgresStore {
    async fn list(&self, issuer: &str) -> Result<Vec<StoredKey>, StoreError> {
        let rows: Vec<KeyRow> = list(issuer).fetch_all(&self.pool).await?;
        rows.into_iter().map(StoredKey::try_from).collect()
    }

    async fn append(
        &self,
        key: &StoredKey,
        after: Option<&KeyId>,
        _actor: &Actor,
    ) -> Result<bool, StoreError> {
        let changed = append(key, after).execute(&self.pool).await?;
        Ok(changed == 1)
    }
}

become_handles!(PostgresStore => Keys);
