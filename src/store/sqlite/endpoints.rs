//! The endpoint port.

use std::collections::BTreeSet;
use std::error::Error;

use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow as _, Row as _, SqliteConnection};
use url::Url;

use super::SqliteStore;
use super::error::store_error;
use crate::base::actor::Actor;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::EndpointId;
use crate::base::secret::Secret;
use crate::send::outbox::{
    DisabledBecause, Endpoint, EndpointSecrets, EndpointStatus, EndpointStore, Health, NewEndpoint,
    PreviousSecret,
};
use crate::store::sql::columns::{optional_time, time, to_column, unreadable};
use crate::wire::scheme::Scheme;

impl EndpointStore for SqliteStore {
    async fn create(
        &self,
        endpoint: NewEndpoint,
        _actor: &Actor,
        now: UnixMillis,
    ) -> Result<Endpoint, StoreError> {
        let id = EndpointId::generate(now, &*self.entropy);
        let endpoint = endpoint.into_endpoint(id, now);
        let mut write = self.write().await?;
        insert(write.conn(), &endpoint).await?;
        write.commit().await?;
        Ok(endpoint)
    }

    async fn get(&self, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
        let row: Option<StoredEndpoint> = sqlx::query_as(SELECT_ONE)
            .bind(id.as_str())
            .fetch_optional(self.reader())
            .await
            .map_err(store_error)?;
        row.map(Endpoint::try_from).transpose()
    }

    async fn list(&self) -> Result<Vec<Endpoint>, StoreError> {
        let rows: Vec<StoredEndpoint> = sqlx::query_as(SELECT_ALL)
            .fetch_all(self.reader())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(Endpoint::try_from).collect()
    }

    async fn disable(
        &self,
        id: &EndpointId,
        _actor: &Actor,
        now: UnixMillis,
    ) -> Result<Option<Endpoint>, StoreError> {
        let mut write = self.write().await?;
        if let Some(seq) = select_number(write.conn(), id).await? {
            disable(write.conn(), seq, DisabledBecause::Operator, now).await?;
        }
        write.commit().await?;
        self.get(id).await
    }

    async fn enable(
        &self,
        id: &EndpointId,
        _actor: &Actor,
        _now: UnixMillis,
    ) -> Result<Option<Endpoint>, StoreError> {
        let mut write = self.write().await?;
        sqlx::query(ENABLE)
            .bind(id.as_str())
            .execute(write.conn())
            .await
            .map_err(store_error)?;
        write.commit().await?;
        self.get(id).await
    }
}

/// Disables an endpoint and cancels its pending deliveries. Returns whether it was enabled.
pub(super) async fn disable(
    conn: &mut SqliteConnection,
    endpoint: i64,
    because: DisabledBecause,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let disabled = sqlx::query(DISABLE)
        .bind(endpoint)
        .bind(to_column(now))
        .bind(because.as_str())
        .execute(&mut *conn)
        .await
        .map_err(store_error)?;
    if disabled.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(CANCEL_PENDING)
        .bind(endpoint)
        .bind(to_column(now))
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(true)
}

/// Reads the endpoints with these numbers. An unreadable endpoint is an error in its own place.
pub(super) async fn select_by_number(
    conn: &mut SqliteConnection,
    numbers: &BTreeSet<i64>,
) -> Result<Vec<(i64, Result<Endpoint, StoreError>)>, StoreError> {
    let rows = sqlx::query(SELECT_NUMBERED)
        // Numbers cannot fail to serialize.
        .bind(serde_json::to_string(numbers).unwrap_or_default())
        .fetch_all(conn)
        .await
        .map_err(store_error)?;
    rows.iter()
        .map(|row| {
            let number = row.try_get("seq").map_err(store_error)?;
            Ok((number, read(row)))
        })
        .collect()
}

fn read(row: &SqliteRow) -> Result<Endpoint, StoreError> {
    StoredEndpoint::from_row(row)
        .map_err(store_error)?
        .try_into()
}

/// Disables an unreadable endpoint, so that the others continue. The log has its number, because its id
/// may be unreadable.
pub(super) async fn disable_unreadable(
    conn: &mut SqliteConnection,
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

async fn select_number(
    conn: &mut SqliteConnection,
    id: &EndpointId,
) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar("SELECT seq FROM tas_endpoints WHERE id = ?1")
        .bind(id.as_str())
        .fetch_optional(conn)
        .await
        .map_err(store_error)
}

async fn insert(conn: &mut SqliteConnection, endpoint: &Endpoint) -> Result<(), StoreError> {
    sqlx::query(INSERT)
        .bind(endpoint.id.as_str())
        .bind(endpoint.url.as_str())
        .bind(endpoint.scheme.name())
        .bind(endpoint.filter.to_string())
        .bind(endpoint.secrets.current.expose().as_bytes())
        .bind(to_column(endpoint.created_at))
        .execute(conn)
        .await
        .map_err(store_error)?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct StoredEndpoint {
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
    failures: u32,
    not_before: Option<i64>,
    created_at: i64,
}

impl TryFrom<StoredEndpoint> for Endpoint {
    type Error = StoreError;

    fn try_from(row: StoredEndpoint) -> Result<Self, StoreError> {
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

impl StoredEndpoint {
    fn status(&self) -> Result<EndpointStatus, StoreError> {
        let at = optional_time("tas_endpoints.disabled_at", self.disabled_at)?;
        let Some(at) = at else {
            return Ok(EndpointStatus::Enabled);
        };
        let because = self.disabled_because.as_deref();
        let because = because
            .and_then(DisabledBecause::by_name)
            .ok_or_else(|| unreadable("tas_endpoints.disabled_because"))?;
        Ok(EndpointStatus::Disabled { at, because })
    }

    fn health(&self) -> Result<Health, StoreError> {
        let since = optional_time("tas_endpoints.failing_since", self.failing_since)?;
        let not_before = optional_time("tas_endpoints.not_before", self.not_before)?;
        let health = since.map_or(Health::GOOD, |since| Health::failing(since, self.failures));
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
VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const SELECT_ONE: &str = "SELECT * FROM tas_endpoints WHERE id = ?1";

const SELECT_ALL: &str = "SELECT * FROM tas_endpoints ORDER BY seq";

const SELECT_NUMBERED: &str = "
SELECT * FROM tas_endpoints WHERE seq IN (SELECT value FROM json_each(?1))";

const DISABLE: &str = "
UPDATE tas_endpoints SET disabled_at = ?2, disabled_because = ?3
WHERE seq = ?1 AND disabled_at IS NULL";

const ENABLE: &str = "
UPDATE tas_endpoints
SET disabled_at = NULL, disabled_because = NULL, failing_since = NULL, failures = 0,
    not_before = NULL
WHERE id = ?1 AND disabled_at IS NOT NULL";

const CANCEL_PENDING: &str = "
UPDATE tas_deliveries SET state = 'cancelled', due_at = NULL, ended_at = ?2
WHERE endpoint = ?1 AND due_at IS NOT NULL AND state = 'pending'";
