//! The dedupe port: a row per name of a message.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection, query::Query};

use super::SqliteStore;
use super::error::store_error;
use crate::clock::UnixMillis;
use crate::dedupe::{Claimed, Dedupe, DedupeStore, InvalidSource, Ticket};
use crate::store::columns::{time, to_column};
use crate::store::migrate::Port;
use crate::store_error::StoreError;

pub(super) const DEDUPE: Port = Port {
    name: "dedupe",
    version_table: Cow::Borrowed("tas_migrations_dedupe"),
    scripts: Cow::Borrowed(&[(
        "claims",
        Cow::Borrowed(include_str!("migrations/dedupe/0001_tables.sql")),
    )]),
};

impl SqliteStore {
    /// Creates the handle that [`VerifyWebhookLayer::with_dedupe`] takes, for the receiver named
    /// `source`.
    ///
    /// Processes that open the same file share what was handled. A claim and a commit are one
    /// durable write each. Expired rows leave 256 at a time, at every 64th claim.
    ///
    /// [`VerifyWebhookLayer::with_dedupe`]: crate::verify::VerifyWebhookLayer::with_dedupe
    ///
    /// # Errors
    ///
    /// [`InvalidSource`] unless the name has 1 to 128 printable ASCII characters without spaces.
    pub fn dedupe(&self, source: &str) -> Result<Dedupe, InvalidSource> {
        Dedupe::new(self.clone(), source)
    }
}

impl DedupeStore for SqliteStore {
    async fn claim(
        &self,
        ticket: &Ticket,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        let mut write = self.write().await?;
        if ticket.token().is_multiple_of(SWEEP_EVERY) {
            sweep(write.conn(), now).await?;
        }
        let claimed = match take(write.conn(), ticket, now, until).await? {
            Some(fresh) => fresh,
            None => held(write.conn(), ticket, now).await?,
        };
        write.commit().await?;
        Ok(claimed)
    }

    async fn renew(&self, ticket: &Ticket, until: UnixMillis) -> Result<(), StoreError> {
        let renew = of_claim(RENEW, ticket).bind(to_column(until));
        self.change_claim(renew).await
    }

    async fn commit(&self, ticket: &Ticket, now: UnixMillis) -> Result<(), StoreError> {
        let until = now.saturating_add(ticket.keep());
        let commit = of_claim(COMMIT, ticket).bind(to_column(until));
        self.change_claim(commit).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), StoreError> {
        self.change_claim(of_claim(RELEASE, ticket)).await
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

/// Binds what names a claim and fences it: the first four parameters.
fn of_claim<'a>(sql: &'static str, ticket: &'a Ticket) -> Statement<'a> {
    let keys = 1 + i64::from(ticket.replay_key().is_some());
    sqlx::query(sql)
        .bind(ticket.key().as_bytes().to_vec())
        .bind(ticket.replay_key().map(|key| key.as_bytes().to_vec()))
        .bind(ticket.token().cast_signed())
        .bind(keys)
}

/// Claims the message, or finds that it is not free.
async fn take(
    conn: &mut SqliteConnection,
    ticket: &Ticket,
    now: UnixMillis,
    until: UnixMillis,
) -> Result<Option<Claimed>, StoreError> {
    let rows: Vec<(bool,)> = sqlx::query_as(CLAIM)
        .bind(ticket.key().as_bytes().to_vec())
        .bind(ticket.replay_key().map(|key| key.as_bytes().to_vec()))
        .bind(ticket.id_key().map(|key| key.as_bytes().to_vec()))
        .bind(ticket.token().cast_signed())
        .bind(ticket.body().cast_signed())
        .bind(to_column(now))
        .bind(to_column(until))
        .bind(to_column(now.saturating_add(ticket.keep())))
        .fetch_all(conn)
        .await
        .map_err(store_error)?;
    let other_body = rows.iter().any(|(other_body,)| *other_body);
    Ok((!rows.is_empty()).then_some(Claimed::Fresh { other_body }))
}

/// Tells what holds the message.
async fn held(
    conn: &mut SqliteConnection,
    ticket: &Ticket,
    now: UnixMillis,
) -> Result<Claimed, StoreError> {
    let (done, body, until): (bool, i64, i64) = sqlx::query_as(HELD)
        .bind(ticket.key().as_bytes().to_vec())
        .bind(ticket.replay_key().map(|key| key.as_bytes().to_vec()))
        .bind(to_column(now))
        .fetch_one(conn)
        .await
        .map_err(store_error)?;
    if done {
        let other_body = body != ticket.body().cast_signed();
        return Ok(Claimed::Done { other_body });
    }
    let until = time("tas_dedupe.until", until)?;
    Ok(Claimed::InFlight { until })
}

async fn sweep(conn: &mut SqliteConnection, now: UnixMillis) -> Result<(), StoreError> {
    sqlx::query(SWEEP)
        .bind(to_column(now))
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// A handle's tokens follow one another, so every 64th ticket of each handle sweeps. That many
/// claims leave at most 192 rows, fewer than one sweep takes away.
const SWEEP_EVERY: u64 = 64;

const SWEEP: &str = "
DELETE FROM tas_dedupe WHERE (key, kind) IN (
    SELECT key, kind FROM tas_dedupe WHERE until <= ?1 ORDER BY until LIMIT 256)";

/// All names or none; the id is noted beside them.
const CLAIM: &str = "
INSERT INTO tas_dedupe (key, kind, token, body, flag, until)
SELECT name.column2, name.column1, ?4, ?5, 0, iif(name.column1 = 0, ?7, ?8)
FROM (VALUES (0, ?1), (0, ?2), (1, ?3)) AS name
WHERE name.column2 IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM tas_dedupe WHERE kind = 0 AND key IN (?1, ?2) AND until > ?6)
ON CONFLICT (key, kind) DO UPDATE SET
    token = excluded.token,
    body = excluded.body,
    flag = (kind = 1 AND body <> excluded.body),
    until = excluded.until
RETURNING flag";

const HELD: &str = "
SELECT flag, body, until FROM tas_dedupe
WHERE kind = 0 AND key IN (?1, ?2) AND until > ?3
ORDER BY flag DESC, key = ?1 DESC LIMIT 1";

/// A claim of which another ticket has taken over one name is lost whole.
macro_rules! fenced {
    ($change:literal, $and:literal) => {
        concat!(
            $change,
            " WHERE kind = 0 AND key IN (?1, ?2) AND token = ?3 ",
            $and,
            " AND ?4 = (SELECT count(*) FROM tas_dedupe",
            " WHERE kind = 0 AND key IN (?1, ?2) AND token = ?3)"
        )
    };
}

const RENEW: &str = fenced!("UPDATE tas_dedupe SET until = ?5", "AND flag = 0");

const COMMIT: &str = fenced!(
    "UPDATE tas_dedupe SET until = iif(flag = 1, until, ?5), flag = 1",
    ""
);

const RELEASE: &str = fenced!("DELETE FROM tas_dedupe", "AND flag = 0");
