//! The dedupe port: a row for each key of a message.

use std::borrow::Cow;

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

use super::PostgresStore;
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
        Cow::Borrowed(include_str!("migrations/dedupe/0001_tables.sql")),
    )]),
};

impl PostgresStore {
    /// Creates the dedupe handle of `source`, for [`VerifyWebhookLayer::with_dedupe`].
    ///
    /// Every 64th claim deletes up to 256 expired rows.
    ///
    /// [`VerifyWebhookLayer::with_dedupe`]: crate::receive::verify::VerifyWebhookLayer::with_dedupe
    ///
    /// ```
    /// use tower_auth_sync::store::postgres::PostgresStore;
    /// use tower_auth_sync::verify::VerifyWebhookLayer;
    ///
    /// # fn example(
    /// #     store: PostgresStore,
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

impl DedupeStore for PostgresStore {
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

impl PostgresStore {
    async fn claim_message(
        &self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        if keys.token().is_multiple_of(SWEEP_EVERY) {
            self.sweep(now).await?;
        }
        for _ in 0..TRIES {
            if let Some(claimed) = self.try_claim(keys, now, until).await? {
                return Ok(claimed);
            }
        }
        Err(StoreError::unavailable(ClaimContention))
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

/// The row of the claim's statement: whether the message is claimed now, whether the id was used with
/// another body, whether the request was received under another id, and the flag and end of the claim
/// on the message.
type ClaimRow = (bool, Option<bool>, bool, Option<bool>, Option<i64>);

impl PostgresStore {
    /// Claims a message. `None` means that another claim began after this statement's snapshot.
    async fn try_claim(
        &self,
        keys: &DedupeKeys,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<Claimed>, StoreError> {
        let row: ClaimRow = sqlx::query_as(CLAIM)
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
            .fetch_one(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(match row {
            (true, other_body, ..) => Some(Claimed::Fresh {
                other_body: other_body == Some(true),
            }),
            (.., Some(false), Some(until)) => Some(Claimed::InFlight {
                until: time("tas_dedupe.until", until)?,
            }),
            (_, _, true, ..) | (.., Some(true), _) => Some(Claimed::Done),
            _ => None,
        })
    }

    async fn change_claim(&self, change: Change<'_>) -> Result<(), StoreError> {
        let changed = change.execute(&self.pool).await.map_err(store_error)?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::lease_lost());
        }
        Ok(())
    }

    async fn sweep(&self, now: UnixMillis) -> Result<(), StoreError> {
        sqlx::query(SWEEP)
            .bind(to_column(now))
            .execute(&self.pool)
            .await
            .map_err(store_error)?;
        Ok(())
    }
}

type Change<'a> = Query<'a, Postgres, PgArguments>;

/// Binds the claim's key and token: the first two parameters.
fn of_claim<'a>(sql: &'static str, keys: &DedupeKeys) -> Change<'a> {
    sqlx::query(sql)
        .bind(keys.key().as_bytes().to_vec())
        .bind(keys.token().cast_signed())
}

/// Largest number of tries. A try fails only if another claim on the message began or ended during
/// it.
pub(super) const TRIES: usize = 8;

/// Other calls claimed the message again and again.
#[derive(Debug, thiserror::Error)]
#[error("others claimed and released the message {TRIES} times during one claim")]
struct ClaimContention;

/// A handle's tokens are consecutive, so every 64th claim of each handle sweeps. 64 claims leave at
/// most 192 rows, fewer than one sweep deletes.
const SWEEP_EVERY: u64 = 64;

const SWEEP: &str = "
DELETE FROM tas_dedupe WHERE (key, kind) IN (
    SELECT key, kind FROM tas_dedupe WHERE until <= $1
    ORDER BY until LIMIT 256 FOR UPDATE SKIP LOCKED)";

/// The request's key stays with the first message that used it, the message's key with its claim; the
/// id is noted. The rows are written in this order, so that two claims do not wait for each other.
///
/// The statement reads rows as they were when it began, but a conflicting row as it is now. If neither
/// shows a claim on the message, another claim began meanwhile.
const CLAIM: &str = "
WITH request AS (
    SELECT owner FROM tas_dedupe WHERE kind = 2 AND key = $2 AND until > $4
), came AS (
    INSERT INTO tas_dedupe AS old (kind, key, owner, until, token, body, flag)
    SELECT 2, $2, $1, $10, $6, $7, false
    WHERE $2 IS NOT NULL AND NOT EXISTS (SELECT FROM request)
    ON CONFLICT (key, kind) DO UPDATE SET owner = excluded.owner, until = excluded.until
        WHERE old.until <= $4
    RETURNING owner
), held AS (
    SELECT flag, until FROM tas_dedupe
    WHERE kind = 0 AND key IN ($1, (SELECT owner FROM request))
        AND until > $4 AND (flag OR until <= $5)
    ORDER BY flag DESC, key = $1 DESC LIMIT 1
), taken AS (
    INSERT INTO tas_dedupe AS old (kind, key, until, token, body, flag)
    SELECT 0, $1, $8, $6, $7, false
    WHERE NOT EXISTS (SELECT FROM held) AND ($2 IS NULL
        OR $1 = (SELECT owner FROM request UNION ALL SELECT owner FROM came))
    ON CONFLICT (key, kind) DO UPDATE SET
        until = excluded.until, token = excluded.token, flag = false
        WHERE old.until <= $4 OR (NOT old.flag AND old.until > $5)
    RETURNING 1
), seen AS (
    INSERT INTO tas_dedupe AS old (kind, key, until, token, body, flag)
    SELECT 1, $3, $9, $6, $7, false FROM taken WHERE $3 IS NOT NULL
    ON CONFLICT (key, kind) DO UPDATE SET
        body = excluded.body, flag = old.body <> excluded.body, until = excluded.until
    RETURNING flag
)
SELECT
    EXISTS (SELECT FROM taken), (SELECT flag FROM seen),
    EXISTS (SELECT FROM request WHERE owner <> $1), held.flag, held.until
FROM (VALUES (1)) AS one LEFT JOIN held ON true";

const RENEW: &str = "
UPDATE tas_dedupe SET until = $3 WHERE kind = 0 AND key = $1 AND token = $2 AND NOT flag";

const COMMIT: &str = "
UPDATE tas_dedupe SET until = CASE WHEN flag THEN until ELSE $3 END, flag = true
WHERE kind = 0 AND key = $1 AND token = $2";

const RELEASE: &str = "
DELETE FROM tas_dedupe WHERE kind = 0 AND key = $1 AND token = $2 AND NOT flag";
