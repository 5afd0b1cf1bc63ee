//! The dedupe port: a row per name of a message.

use std::borrow::Cow;

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryScalar;

use super::PostgresStore;
use super::error::{is_torn, store_error};
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

impl PostgresStore {
    /// Creates the handle that [`VerifyWebhookLayer::with_dedupe`] takes, for the receiver named
    /// `source`.
    ///
    /// Expired rows leave 256 at a time, at every 64th claim.
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

impl DedupeStore for PostgresStore {
    async fn claim(
        &self,
        ticket: &Ticket,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Claimed, StoreError> {
        if ticket.token().is_multiple_of(SWEEP_EVERY) {
            self.sweep(now).await?;
        }
        for _ in 0..TRIES {
            if let Some(claimed) = self.try_claim(ticket, now, until).await? {
                return Ok(claimed);
            }
        }
        Err(StoreError::unavailable(Contended))
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

/// What the claim's statement answers: how many names were taken, whether the id came with another
/// body, and what holds the message.
type Answer = (i64, Option<bool>, Option<bool>, Option<i64>, Option<i64>);

impl PostgresStore {
    /// `None`: another claim came between what this one saw and what it wrote.
    async fn try_claim(
        &self,
        ticket: &Ticket,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<Claimed>, StoreError> {
        let answer: Result<Answer, _> = sqlx::query_as(CLAIM)
            .bind(names(ticket))
            .bind(ticket.id_key().map(|key| key.as_bytes().to_vec()))
            .bind(ticket.token().cast_signed())
            .bind(ticket.body().cast_signed())
            .bind(to_column(now))
            .bind(to_column(until))
            .bind(to_column(now.saturating_add(ticket.keep())))
            .fetch_one(&self.pool)
            .await;
        let (taken, seen, done, body, until) = match answer {
            Ok(answer) => answer,
            Err(cause) if is_torn(&cause) => return Ok(None),
            Err(cause) => return Err(store_error(cause)),
        };
        Ok(match (done, until) {
            _ if taken > 0 => Some(Claimed::Fresh {
                other_body: seen == Some(true),
            }),
            (Some(true), _) => Some(Claimed::Done {
                other_body: body != Some(ticket.body().cast_signed()),
            }),
            (Some(false), Some(until)) => Some(Claimed::InFlight {
                until: time("tas_dedupe.until", until)?,
            }),
            _ => None,
        })
    }

    async fn change_claim(&self, change: Change<'_>) -> Result<(), StoreError> {
        match change.fetch_one(&self.pool).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::lease_lost()),
            Err(cause) if is_torn(&cause) => Err(StoreError::lease_lost()),
            Err(cause) => Err(store_error(cause)),
        }
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

type Change<'a> = QueryScalar<'a, Postgres, bool, PgArguments>;

/// Binds what names a claim and fences it: the first two parameters.
fn of_claim<'a>(sql: &'static str, ticket: &Ticket) -> Change<'a> {
    sqlx::query_scalar(sql)
        .bind(names(ticket))
        .bind(ticket.token().cast_signed())
}

/// Returns the keys that a message shares with no other.
pub(super) fn names(ticket: &Ticket) -> Vec<Vec<u8>> {
    let keys = [Some(ticket.key()), ticket.replay_key()];
    let keys = keys.iter().flatten();
    keys.map(|key| key.as_bytes().to_vec()).collect()
}

/// Each try fails only if another claim on the message began or ended during it.
pub(super) const TRIES: usize = 8;

/// Other claims on the message came between again and again.
#[derive(Debug, thiserror::Error)]
#[error("the message was claimed and given up by others {TRIES} times during one claim")]
struct Contended;

/// A handle's tokens follow one another, so every 64th ticket of each handle sweeps. That many
/// claims leave at most 192 rows, fewer than one sweep takes away.
const SWEEP_EVERY: u64 = 64;

const SWEEP: &str = "
DELETE FROM tas_dedupe WHERE (key, kind) IN (
    SELECT key, kind FROM tas_dedupe WHERE until <= $1
    ORDER BY until LIMIT 256 FOR UPDATE SKIP LOCKED)";

/// All names or none, in the order of their bytes, so that two claims do not wait for each other;
/// the id is noted beside them.
///
/// What holds the message is read as it was when the statement began, but a conflicting row as it
/// is. Where only one of two names could be taken, the division fails and so undoes the statement.
const CLAIM: &str = "
WITH held AS (
    SELECT flag, body, until FROM tas_dedupe
    WHERE kind = 0 AND key = ANY ($1) AND until > $5
    ORDER BY flag DESC, key = ($1)[1] DESC LIMIT 1
), taken AS (
    INSERT INTO tas_dedupe AS old (key, kind, token, body, flag, until)
    SELECT name, 0, $3, $4, false, $6 FROM unnest($1) AS name
    WHERE NOT EXISTS (SELECT FROM held)
    ORDER BY name
    ON CONFLICT (key, kind) DO UPDATE SET
        token = excluded.token, body = excluded.body, flag = false, until = excluded.until
        WHERE old.until <= $5
    RETURNING 1
), counted AS (
    SELECT count(*) AS names FROM taken
), seen AS (
    INSERT INTO tas_dedupe AS old (key, kind, token, body, flag, until)
    SELECT $2, 1, $3, $4, false, $7 FROM counted
    WHERE $2 IS NOT NULL AND names = cardinality($1)
    ON CONFLICT (key, kind) DO UPDATE SET
        body = excluded.body, flag = old.body <> excluded.body, until = excluded.until
    RETURNING flag
)
SELECT
    CASE WHEN names IN (0, cardinality($1)) THEN names ELSE 1 / (names - names) END,
    (SELECT flag FROM seen), held.flag, held.body, held.until
FROM counted LEFT JOIN held ON true";

/// A claim of which another ticket has taken over one name is lost whole: the division fails and so
/// undoes the statement.
macro_rules! fenced {
    ($change:literal, $and:literal) => {
        concat!(
            "WITH changed AS (",
            $change,
            " WHERE kind = 0 AND key = ANY ($1) AND token = $2 ",
            $and,
            " RETURNING 1), counted AS (SELECT count(*) AS names FROM changed)",
            " SELECT CASE WHEN names IN (0, cardinality($1)) THEN names",
            " ELSE 1 / (names - names) END > 0 FROM counted"
        )
    };
}

const RENEW: &str = fenced!("UPDATE tas_dedupe SET until = $3", "AND NOT flag");

const COMMIT: &str = fenced!(
    "UPDATE tas_dedupe SET until = CASE WHEN flag THEN until ELSE $3 END, flag = true",
    ""
);

const RELEASE: &str = fenced!("DELETE FROM tas_dedupe", "AND NOT flag");
