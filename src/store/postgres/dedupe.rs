//! The dedupe port: a row for each key of a message.

use std::borrow::Cow;

use super::PostgresStore;
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
            Cow::Borrowed(include_str!("migrations/dedupe/0001_tables.sql")),
        ),
        (
            "messages",
            Cow::Borrowed(include_str!("migrations/dedupe/0002_messages.sql")),
        ),
    ]),
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
        let (store, claim) = (self.clone(), Claim::of_request(keys, now, until));
        Reply::later(async move { store.claim_keys(&claim, || claim.claim(CLAIM)).await })
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

impl PostgresStore {
    fn change_claim(&self, change: Statement) -> Reply<()> {
        let store = self.clone();
        Reply::later(async move { change.execute_under_lease(&store.pool).await })
    }

    /// Claims the message with `statement`, if it is free, and leaves the request's key.
    pub(super) async fn claim_keys(
        &self,
        claim: &Claim,
        statement: impl Fn() -> Statement,
    ) -> Result<Claimed, StoreError> {
        if let Some(sweep) = claim.sweep(SWEEP) {
            sweep.execute(&self.pool).await?;
        }
        for _ in 0..TRIES {
            if let Some(claimed) = read(statement().fetch_one(&self.pool).await?)? {
                return Ok(claimed);
            }
        }
        Err(StoreError::unavailable(ClaimContention))
    }
}

/// The row of the claim's statement: whether the message is claimed now, whether another message owned
/// the id, whether the request was received under another id, and the flag and end of the claim on the
/// message.
type ClaimRow = (bool, Option<bool>, bool, Option<bool>, Option<i64>);

/// `None` means that another claim began after the statement's snapshot.
fn read(row: ClaimRow) -> Result<Option<Claimed>, StoreError> {
    let (is_taken, other_body, is_replay, flag, until) = row;
    let other_body = other_body == Some(true);
    match flag.zip(until) {
        _ if is_taken => Ok(Some(Claimed::Fresh { other_body })),
        None if !is_replay => Ok(None),
        claim => sql::held(claim).map(Some),
    }
}

/// Largest number of tries. A try fails only if another claim on the message began or ended during
/// it.
const TRIES: usize = 8;

/// Other calls claimed the message again and again.
#[derive(Debug, thiserror::Error)]
#[error("others claimed and released the message {TRIES} times during one claim")]
struct ClaimContention;

const SWEEP: &str = "
DELETE FROM tas_dedupe WHERE (key, kind) IN (
    SELECT key, kind FROM tas_dedupe WHERE until <= $1 AND message IS NULL
    ORDER BY until LIMIT 256 FOR UPDATE SKIP LOCKED)";

/// The request's key stays with the first message that used it, the message's key with its claim, the
/// id with the last message. The rows are written in this order, so that two claims do not wait for each
/// other.
///
/// The statement reads rows as they were when it began, but a conflicting row as it is now. If neither
/// shows a claim on the message, another claim began meanwhile.
///
/// `$also` is one more step, for a claim that `taken` has a row of.
macro_rules! claim {
    ($also:literal) => {
        concat!(
            "
WITH request AS (
    SELECT owner FROM tas_dedupe WHERE kind = 2 AND key = $2 AND until > $4
), came AS (
    INSERT INTO tas_dedupe AS old (kind, key, owner, until, token, flag)
    SELECT 2, $2, $1, $8, $6, false
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
    INSERT INTO tas_dedupe AS old (kind, key, until, token, flag, message)
    SELECT 0, $1, $7, $6, $9, $10
    WHERE NOT EXISTS (SELECT FROM held) AND ($2 IS NULL
        OR $1 = (SELECT owner FROM request UNION ALL SELECT owner FROM came))
    ON CONFLICT (key, kind) DO UPDATE SET until = excluded.until, token = excluded.token,
        flag = excluded.flag, message = excluded.message
        WHERE old.until <= $4 OR (NOT old.flag AND old.until > $5)
    RETURNING 1
), seen AS (
    INSERT INTO tas_dedupe AS old (kind, key, owner, until, token, flag)
    SELECT 1, $3, $1, $8, $6, false FROM taken WHERE $3 IS NOT NULL
    ON CONFLICT (key, kind) DO UPDATE SET owner = excluded.owner, until = excluded.until,
        flag = old.owner <> excluded.owner AND old.until > $4
    RETURNING flag
)",
            $also,
            "
SELECT
    EXISTS (SELECT FROM taken), (SELECT flag FROM seen),
    EXISTS (SELECT FROM request WHERE owner <> $1), held.flag, held.until
FROM (VALUES (1)) AS one LEFT JOIN held ON true"
        )
    };
}

const CLAIM: &str = claim!("");

/// Claims the keys of a message, and stores it.
pub(super) const RECEIVE: &str = claim!(
    ", stored AS (
    INSERT INTO tas_inbox (id, state, due_at, received_at, source, keep, head, body)
    SELECT $10, 'pending', $4, $4, $11, $12, $13, $14 FROM taken
)"
);

const RENEW: &str = "
UPDATE tas_dedupe SET until = $3 WHERE kind = 0 AND key = $1 AND token = $2 AND NOT flag";

const COMMIT: &str = "
UPDATE tas_dedupe SET until = CASE WHEN flag THEN until ELSE $3 END, flag = true
WHERE kind = 0 AND key = $1 AND token = $2";

const RELEASE: &str = "
DELETE FROM tas_dedupe WHERE kind = 0 AND key = $1 AND token = $2 AND NOT flag";
