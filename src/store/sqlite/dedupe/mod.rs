//! The dedupe port: a row for each key of a message.

use std::borrow::Cow;

use sqlx::SqliteConnection;

use super::SqliteStore;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::receive::dedupe::{Claimed, Dedupe, DedupeKeys, DedupeStore, InvalidSource, Reply};
use crate::store::sql::dedupe::{self as sql, Claim};
use crate::store::sql::migrate::Port;
use crate::store::sql::statement::Statement;

/// The third script of the inbox, which runs after these, changed the table last. Later changes of the
/// table are scripts of the inbox too.
pub(super) const DEDUPE: Port = Port {
    name: "dedupe",
    version_table: Cow::Borrowed("tas_migrations_dedupe"),
    scripts: Cow::Borrowed(&[
        (
            "claims",
            Cow::Borrowed(include_str!("../migrations/dedupe/0001_tables.sql")),
        ),
        (
            "messages",
            Cow::Borrowed(include_str!("../migrations/dedupe/0002_messages.sql")),
        ),
    ]),
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
        let (store, claim) = (self.clone(), Claim::of_request(keys, now, until));
        Reply::later(async move {
            let mut write = store.write().await?;
            let claimed = claim_keys(write.conn(), &claim).await?;
            write.commit().await?;
            Ok(claimed)
        })
    }

    fn renew(&self, keys: &DedupeKeys, until: UnixMillis) -> Reply<()> {
        self.change_claim(sql::renew(RENEW, keys, until))
    }

    fn commit(&self, keys: &DedupeKeys, now: UnixMillis) -> Reply<()> {
        self.change_claim(sql::commit(COMMIT, keys, now))
    }

    fn release(&self, keys: &DedupeKeys) -> Reply<()> {
        self.change_claim(sql::release(RELEASE, keys))
    }
}

impl SqliteStore {
    fn change_claim(&self, change: Statement) -> Reply<()> {
        let store = self.clone();
        Reply::later(async move { store.change_leased(change).await })
    }
}

/// Claims the message, if it is free, and leaves the request's key.
pub(super) async fn claim_keys(
    conn: &mut SqliteConnection,
    claim: &Claim,
) -> Result<Claimed, StoreError> {
    if let Some(sweep) = claim.sweep(SWEEP) {
        sweep.execute(&mut *conn).await?;
    }
    let rows: Vec<(i64, bool)> = claim.claim(CLAIM).fetch_all(&mut *conn).await?;
    if rows.iter().any(|(kind, _)| *kind == 0) {
        let other_body = rows.contains(&(1, true));
        return Ok(Claimed::Fresh { other_body });
    }
    sql::held(claim.held(HELD).fetch_optional(conn).await?)
}

const SWEEP: &str = "
DELETE FROM tas_dedupe WHERE (key, kind) IN (
    SELECT key, kind FROM tas_dedupe
    WHERE until <= ?1 AND message IS NULL ORDER BY until LIMIT 256)";

/// The request's key stays with the first message that used it, the message's key with its claim, the
/// id with the last message.
const CLAIM: &str = "
INSERT INTO tas_dedupe (kind, key, owner, until, token, flag, message)
SELECT name.column1, name.column2, name.column3, name.column4, ?6, name.column5, name.column6
FROM (VALUES
    (0, ?1, NULL, ?7, ?9, ?10), (1, ?3, ?1, ?8, 0, NULL), (2, ?2, ?1, ?8, 0, NULL)
) AS name
WHERE name.column2 IS NOT NULL AND (name.column1 = 2 OR NOT EXISTS (
    SELECT 1 FROM tas_dedupe
    WHERE kind = 0 AND key = ?1 AND until > ?4 AND (flag = 1 OR until <= ?5)
) AND NOT EXISTS (
    SELECT 1 FROM tas_dedupe WHERE kind = 2 AND key = ?2 AND until > ?4 AND owner <> ?1))
ON CONFLICT (key, kind) DO UPDATE SET
    owner = excluded.owner,
    until = excluded.until,
    token = excluded.token,
    flag = iif(kind = 1, owner <> excluded.owner AND until > ?4, excluded.flag),
    message = excluded.message
    WHERE kind < 2 OR until <= ?4
RETURNING kind, flag";

/// Has the parameters of a claim, whose third is not needed.
const HELD: &str = "
SELECT flag, until FROM tas_dedupe
WHERE kind = 0 AND key IN (?1, (SELECT owner FROM tas_dedupe WHERE kind = 2 AND key = ?2))
    AND until > ?4 AND (flag = 1 OR until <= ?5)
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
