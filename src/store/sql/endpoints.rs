//! The endpoints in SQL: rows, parameters, and what disables an endpoint.

use std::error::Error;

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use url::Url;

use super::columns::{count, optional_time, time, unreadable};
use super::connection::{Reads, SqlConnection};
use super::statement::{Dialect, Statement};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::EndpointId;
use crate::base::secret::Secret;
use crate::send::outbox::{
    DisabledBecause, Endpoint, EndpointSecrets, EndpointStatus, Health, PreviousSecret,
};
use crate::wire::scheme::Scheme;

/// Disables an endpoint and cancels its pending deliveries. Returns whether it was enabled.
pub(crate) async fn disable(
    conn: &mut impl SqlConnection,
    endpoint: i64,
    because: DisabledBecause,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let disable = Statement::new(DISABLE).int(endpoint).time(now);
    if conn.execute(disable.text(because.as_str())).await? == 0 {
        return Ok(false);
    }
    let cancel = Statement::new(CANCEL_PENDING).int(endpoint).time(now);
    conn.execute(cancel).await?;
    Ok(true)
}

/// Disables an unreadable endpoint, so that the others continue. The log has its number, because its id
/// may be unreadable.
pub(crate) async fn disable_unreadable(
    conn: &mut impl SqlConnection,
    endpoint: i64,
    error: &StoreError,
    now: UnixMillis,
) -> Result<(), StoreError> {
    if disable(conn, endpoint, DisabledBecause::Unreadable, now).await? {
        let cause = error as &(dyn Error + 'static);
        tracing::error!(
            seq = endpoint,
            error = cause,
            "an endpoint cannot be read and is disabled; repair its row in tas_endpoints"
        );
    }
    Ok(())
}

pub(crate) fn insert(endpoint: &Endpoint) -> Statement {
    Statement::new(INSERT)
        .text(endpoint.id.as_str())
        .text(endpoint.url.as_str())
        .text(endpoint.scheme.name())
        .text(&*endpoint.filter.to_string())
        .blob(endpoint.secrets.current.expose().as_bytes())
        .time(endpoint.created_at)
}

pub(crate) fn select(id: &EndpointId) -> Statement {
    Statement::new("SELECT * FROM tas_endpoints WHERE id = $1").text(id.as_str())
}

pub(crate) fn select_number(id: &EndpointId) -> Statement {
    Statement::new("SELECT seq FROM tas_endpoints WHERE id = $1").text(id.as_str())
}

pub(crate) fn select_all() -> Statement {
    Statement::new("SELECT * FROM tas_endpoints ORDER BY seq")
}

pub(crate) fn enable(id: &EndpointId) -> Statement {
    Statement::new(ENABLE).text(id.as_str())
}

/// An endpoint.
#[derive(FromRow)]
pub(crate) struct EndpointRow {
    id: String,
    url: String,
    scheme: String,
    filter: String,
    secret: Vec<u8>,
    secret_key_id: Option<String>,
    previous_secret: Option<Vec<u8>>,
    previous_key_id: Option<String>,
    previous_not_after: Option<i64>,
    disabled_at: Option<i64>,
    disabled_because: Option<String>,
    failing_since: Option<i64>,
    failures: i64,
    not_before: Option<i64>,
    created_at: i64,
}

/// An endpoint with its number. A column that cannot be read is an error of this row only.
pub(crate) struct NumberedRow {
    seq: i64,
    endpoint: Result<EndpointRow, sqlx::Error>,
}

impl<'r, R: Row> FromRow<'r, R> for NumberedRow
where
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    EndpointRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            seq: row.try_get("seq")?,
            endpoint: EndpointRow::from_row(row),
        })
    }
}

/// Reads endpoints with their numbers. An unreadable endpoint is an error in its own place.
pub(crate) async fn select_numbered<C>(
    conn: &mut C,
    select: Statement,
) -> Result<Vec<(i64, Result<Endpoint, StoreError>)>, StoreError>
where
    C: SqlConnection<Database: Reads<NumberedRow>>,
{
    let rows: Vec<NumberedRow> = conn.fetch_all(select).await?;
    let read = |row: NumberedRow| {
        let endpoint = row.endpoint.map_err(C::Database::store_error);
        (row.seq, endpoint.and_then(Endpoint::try_from))
    };
    Ok(rows.into_iter().map(read).collect())
}

impl TryFrom<EndpointRow> for Endpoint {
    type Error = StoreError;

    fn try_from(row: EndpointRow) -> Result<Self, StoreError> {
        let status = row.status()?;
        let health = row.health()?;
        let key_id = row.secret_key_id.as_deref();
        let mut secrets = EndpointSecrets::new(secret("tas_endpoints.secret", row.secret, key_id)?);
        secrets.previous = previous(
            row.previous_secret,
            row.previous_key_id.as_deref(),
            row.previous_not_after,
        )?;
        let filter = row.filter.parse();
        let endpoint = Self::from_stored(
            EndpointId::new(row.id).map_err(|_invalid| unreadable("tas_endpoints.id"))?,
            Url::parse(&row.url).map_err(|_invalid| unreadable("tas_endpoints.url"))?,
            Scheme::by_name(&row.scheme).ok_or_else(|| unreadable("tas_endpoints.scheme"))?,
            secrets,
            time("tas_endpoints.created_at", row.created_at)?,
        );
        Ok(endpoint
            .with_filter(filter.map_err(|_invalid| unreadable("tas_endpoints.filter"))?)
            .with_status(status)
            .with_health(health))
    }
}

impl EndpointRow {
    fn status(&self) -> Result<EndpointStatus, StoreError> {
        let Some(at) = optional_time("tas_endpoints.disabled_at", self.disabled_at)? else {
            return Ok(EndpointStatus::Enabled);
        };
        let because = self.disabled_because.as_deref();
        let because = because
            .and_then(DisabledBecause::by_name)
            .ok_or_else(|| unreadable("tas_endpoints.disabled_because"))?;
        Ok(EndpointStatus::Disabled { at, because })
    }

    fn health(&self) -> Result<Health, StoreError> {
        let failures = count("tas_endpoints.failures", self.failures)?;
        let since = optional_time("tas_endpoints.failing_since", self.failing_since)?;
        let not_before = optional_time("tas_endpoints.not_before", self.not_before)?;
        let health = since.map_or(Health::GOOD, |since| Health::failing(since, failures));
        Ok(health.paused_until(not_before))
    }
}

fn previous(
    text: Option<Vec<u8>>,
    key_id: Option<&str>,
    not_after: Option<i64>,
) -> Result<Option<PreviousSecret>, StoreError> {
    let (Some(text), Some(not_after)) = (text, not_after) else {
        return Ok(None);
    };
    Ok(Some(PreviousSecret::new(
        secret("tas_endpoints.previous_secret", text, key_id)?,
        time("tas_endpoints.previous_not_after", not_after)?,
    )))
}

/// Reads a secret in plain text. This version cannot read encrypted ones.
fn secret(
    column: &'static str,
    stored: Vec<u8>,
    key_id: Option<&str>,
) -> Result<Secret, StoreError> {
    let text = String::from_utf8(stored).ok().filter(|_| key_id.is_none());
    text.and_then(|text| Secret::verbatim(text).ok())
        .ok_or_else(|| unreadable(column))
}

const INSERT: &str = "
INSERT INTO tas_endpoints (id, url, scheme, filter, secret, created_at)
VALUES ($1, $2, $3, $4, $5, $6)";

const DISABLE: &str = "
UPDATE tas_endpoints SET disabled_at = $2, disabled_because = $3
WHERE seq = $1 AND disabled_at IS NULL";

const ENABLE: &str = "
UPDATE tas_endpoints
SET disabled_at = NULL, disabled_because = NULL, failing_since = NULL, failures = 0,
    not_before = NULL
WHERE id = $1 AND disabled_at IS NOT NULL";

const CANCEL_PENDING: &str = "
UPDATE tas_deliveries SET state = 'cancelled', due_at = NULL, ended_at = $2
WHERE endpoint = $1 AND due_at IS NOT NULL AND state = 'pending'";
