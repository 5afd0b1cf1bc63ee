//! The dedupe port: a row for each key of a message.

use std::borrow::Cow;

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};

use super::SqliteStore;
use super::error::store_error;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::dedupe::{
    Claimed, Dedupe, DedupeKeys, DedupeStore, InvalidSource, Reply, latest_end,
};
use crate::store::sql::columns::{time, to_column};
use crate::store::sql::migrate::Port;

pub(super) const DEDUPE: Port = Port {
    name: "dedupe",
    version_table: Cow::Borrowed("tas_migrations_dedupe"),
    scripts: Cow::Borrowed(&[(
        "claims",
        Cow::Borrowed(include_str!("../migrations/dedupe/0001_tables.sql")),
    )]),
};

impl SqliteStore {
    /// Creates the dedupe handle of `source`, for [`VerifyWebhookLayer::with_dedupe`].
    ///
    /// Processes that open the same file share the claims. A claim and a commit are one durable write
    /// each, and so is a duplicate with an unsigned id and a new time. Every 64th claim deletes up to
    /// 256 expired rows.
    ///
    /// [`VerifyWebhookLayer::with_dedupe`]: crate::receive::verify::VerifyWebhookLayer::with_dedupe
    ///
    /// ```
    /// use tower_auth_sync::store::sqlite::SqliteStore;
    /// use tower_auth_sync::verify::VerifyWebhookLayer;
    ///
    /// # fn example(
    /// #     store: SqliteStore,
    /// #     layer: VerifyWebhookLayer,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = layer.with_dedupe(store.dedupe("crm")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless `source` has 1 to 128 printable ASCII characters without spaces.
    pub fn dedupe(&self, source: &str) -> Result<Dedupe, InvalidSource> {
        Dedupe::new(self.clone(), source)
    }
}

impl DedupeStore for SqliteStore {
    fn claim(&self, keys: &DedupeKeys, now: UnixMillis, until: UnixMillis) -> Reply<Claimed> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move { store.claim_message(&keys, now, until).await })
    }

    fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Reply<()> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move { store.renew_claim(&keys, until).await })
    }

    fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Reply<()> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move { store.commit_claim(&keys, now).await })
    }

    fn release(&self, keys: &DedupeKeys) -> Reply<()> {
        let (store, keys) = (self.clone(), keys.clone());
        Reply::later(async move { store.release_claim(&keys).await })
    }
}

impl SqliteStore {
    async fn claim_message(
        &self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        let mut write = self.write().await?;
        if keys.token().is_multiple_of(SWEEP_EVERY) {
            sweep(write.conn(), now).await?;
        }
        let claimed = match insert_claim(write.conn(), keys, now, until).await? {
            Some(fresh) => fresh,
            None => find_claim(write.conn(), keys, now, until).await?,
        };
        write.commit().await?;
        Ok(claimed)
    }

    async fn renew_claim(&self, keys: &DedupeKeys, until: UnixMillis) -> Result<(), StoreError> {
        let renew = of_claim(RENEW, keys).bind(to_column(until));
        self.change_claim(renew).await
    }

    async fn commit_claim(&self, keys: &DedupeKeys, now: UnixMillis) -> Result<(), StoreError> {
        let until = now.saturating_add(keys.retention());
        let commit = of_claim(COMMIT, keys).bind(to_column(until));
        self.change_claim(commit).await
    }

    async fn release_claim(&self, keys: &DedupeKeys) -> Result<(), StoreError> {
        self.change_claim(of_claim(RELEASE, keys)).await
    }
}

impl SqliteStore {
    async fn change_claim(&self, change: Statement<'_>) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let changed = change.execute(write.conn()).await.map_err(store_error)?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::lease_lost());
        }
        write.commit().await
    }
}

type Statement<'a> = Query<'a, Sqlite, SqliteArguments>;

/// Binds the claim's key and token: the first two parameters.
fn of_claim<'a>(sql: &'static str, keys: &'a DedupeKeys) -> Statement<'a> {
    sqlx::query(sql)
        .bind(keys.key().as_bytes().to_vec())
        .bind(keys.token().cast_signed())
}

/// Stores the request's key and claims the message. Returns `None` if the message is not free.
async fn insert_claim(
    conn: &mut SqliteConnection,
    keys: &DedupeKeys,
    now: UnixMillis,
    until: UnixMillis,
) -> Result<Option<Claimed>, StoreError> {
    let rows: Vec<(i64, bool)> = sqlx::query_as(CLAIM)
        .bind(keys.key().as_bytes().to_vec())
        .bind(keys.replay_key().map(|key| key.as_bytes().to_vec()))
        .bind(keys.id_key().map(|key| key.as_bytes().to_vec()))
        .bind(to_column(now))
        .bind(to_column(latest_end(now, until)))
        .bind(keys.token().cast_signed())
        .bind(keys.body().cast_signed())
        .bind(to_column(until))
        .bind(to_column(now.saturating_add(keys.retention())))
        .bind(to_column(now.saturating_add(keys.replay_window())))
        .fetch_all(conn)
        .await
        .map_err(store_error)?;
    let is_taken = rows.iter().any(|(kind, _)| *kind == 0);
    let other_body = rows.iter().any(|(_, other_body)| *other_body);
    Ok(is_taken.then_some(Claimed::Fresh { other_body }))
}

/// Returns the claim on the message. Without one the request was received under another id, and the
/// result is [`Claimed::Done`].
async fn find_claim(
    conn: &mut SqliteConnection,
    keys: &DedupeKeys,
    now: UnixMillis,
    until: UnixMillis,
) -> Result<Claimed, StoreError> {
    let held: Option<(bool, i64)> = sqlx::query_as(HELD)
        .bind(keys.key().as_bytes().to_vec())
        .bind(keys.replay_key().map(|key| key.as_bytes().to_vec()))
        .bind(to_column(now))
        .bind(to_column(latest_end(now, until)))
        .fetch_optional(conn)
        .await
        .map_err(store_error)?;
    match held {
        Some((false, until)) => Ok(Claimed::InFlight {
            until: time("tas_dedupe.until", until)?,
        }),
        Some((true, _)) | None => Ok(Claimed::Done),
    }
}

async fn sweep(conn: &mut SqliteConnection, now: UnixMillis) -> Result<(), StoreError> {
    sqlx::query(SWEEP)
        .bind(to_column(now))
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// A handle's tokens are consecutive, so every 64th claim of each handle sweeps. 64 claims leave at
/// most 192 rows, fewer than one sweep deletes.
const SWEEP_EVERY: u64 = 64;

const SWEEP: &str = "
DELETE FROM tas_dedupe WHERE (key, kind) IN (
    SELECT key, kind FROM tas_dedupe WHERE until <= ?1 ORDER BY until LIMIT 256)";

/// The request's key stays with the first message that used it, the message's key with its claim; the
/// id is noted.
const CLAIM: &str = "
INSERT INTO tas_dedupe (kind, key, owner, until, token, body, flag)
SELECT name.column1, name.column2, name.column3, name.column4, ?6, ?7, 0
FROM (VALUES (0, ?1, NULL, ?8), (1, ?3, NULL, ?9), (2, ?2, ?1, ?10)) AS name
WHERE name.column2 IS NOT NULL AND (name.column1 = 2 OR NOT EXISTS (
    SELECT 1 FROM tas_dedupe
    WHERE kind = 0 AND key = ?1 AND until > ?4 AND (flag = 1 OR until <= ?5)
) AND NOT EXISTS (
    SELECT 1 FROM tas_dedupe WHERE kind = 2 AND key = ?2 AND until > ?4 AND owner <> ?1))
ON CONFLICT (key, kind) DO UPDATE SET
    owner = excluded.owner,
    until = excluded.until,
    token = excluded.token,
    body = excluded.body,
    flag = (kind = 1 AND body <> excluded.body)
    WHERE kind < 2 OR until <= ?4
RETURNING kind, flag";

const HELD: &str = "
SELECT flag, until FROM tas_dedupe
WHERE kind = 0 AND key IN (?1, (SELECT owner FROM tas_dedupe WHERE kind = 2 AND key = ?2))
    AND until > ?3 AND (flag = 1 OR until <= ?4)
ORDER BY flag DESC, key = ?1 DESC LIMIT 1";

const RENEW: &str = "
UPDATE tas_dedupe SET until = ?3 WHERE kind = 0 AND key = ?1 AND token = ?2 AND flag = 0";

const COMMIT: &str = "
UPDATE tas_dedupe SET until = iif(flag = 1, until, ?3), flag = 1
WHERE kind = 0 AND key = ?1 AND token = ?2";

const RELEASE: &str = "
DELETE FROM tas_dedupe WHERE kind = 0 AND key = ?1 AND token = ?2 AND flag = 0";

#[cfg(test)]
mod tests;
