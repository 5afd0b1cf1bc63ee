//! The port of signing keys.

use std::borrow::Cow;

use super::SqliteStore;
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

impl KeyStore for SqliteStore {
    async fn list(&self, issuer: &str) -> Result<Vec<StoredKey>, StoreError> {
        let rows: Vec<KeyRow> = list(issuer).fetch_all(self.reader()).await?;
        rows.into_iter().map(StoredKey::try_from).collect()
    }

    async fn append(
        &self,
        key: &StoredKey,
        after: Option<&KeyId>,
        _actor: &Actor,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let changed = append(key, after).execute(write.conn()).await?;
        write.commit().await?;
        Ok(changed == 1)
    }
}

become_handles!(SqliteStore => Keys);

#[cfg(test)]
mod tests {
    use super::*;

    mod contract {
        use super::SqliteStore;

        crate::__key_store_tests!(async || {
            let dir = tempfile::TempDir::new().unwrap();
            let store = SqliteStore::open(dir.path().join("auth-sync.db")).await;
            (store.unwrap(), dir)
        });
    }

    #[tokio::test]
    async fn a_row_that_is_no_key_is_an_error_that_names_the_column() {
        let store = SqliteStore::connect("sqlite::memory:").await.unwrap();
        for (column, id, jwk, created_at) in [
            ("id", "", "{}", 1),
            ("jwk", "a", "", 1),
            ("created_at", "a", "{}", -1),
        ] {
            let mut write = store.write().await.unwrap();
            sqlx::query("INSERT OR REPLACE INTO tas_keys VALUES ('https://a', 1, ?1, ?2, ?3)")
                .bind(id)
                .bind(jwk)
                .bind(created_at)
                .execute(write.conn())
                .await
                .unwrap();
            write.commit().await.unwrap();
            let error = store.list("https://a").await.unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(
                error.is_corrupt() && cause.contains(&format!("tas_keys.{column} ")),
                "{cause}"
            );
        }
    }
}
