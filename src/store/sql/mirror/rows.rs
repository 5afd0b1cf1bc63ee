//! Users and sessions as rows.

use super::sql::{UPSERT_SESSION, UPSERT_USER, statement};
use crate::base::error::StoreError;
use crate::receive::mirror::{FieldSet, SessionRow, TablePrefix, UserRow, Version};
use crate::store::sql::columns::{optional_time, time};
use crate::store::sql::statement::Statement;
use crate::wire::event::{Session, SessionHandle, User};

#[derive(sqlx::FromRow)]
pub(crate) struct UserColumns {
    data: String,
    versions: String,
    sessions_ended_by_server: Option<i64>,
    sessions_ended_by_sender: Option<i64>,
}

impl TryFrom<UserColumns> for UserRow {
    type Error = StoreError;

    fn try_from(row: UserColumns) -> Result<Self, StoreError> {
        let record = FieldSet::from_json(&row.data, &row.versions).map_err(StoreError::corrupt)?;
        let server = optional_time("sessions_ended_by_server", row.sessions_ended_by_server)?;
        let sender = optional_time("sessions_ended_by_sender", row.sessions_ended_by_sender)?;
        let ended = sender.map(|sender| Version::new(server, sender));
        Ok(Self::new(record, ended))
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct SessionColumns {
    data: String,
    versions: String,
    user_id: Option<String>,
    opened_by_server: Option<i64>,
    opened_by_sender: i64,
}

impl TryFrom<SessionColumns> for SessionRow {
    type Error = StoreError;

    fn try_from(row: SessionColumns) -> Result<Self, StoreError> {
        let record = FieldSet::from_json(&row.data, &row.versions).map_err(StoreError::corrupt)?;
        let server = optional_time("opened_by_server", row.opened_by_server)?;
        let sender = time("opened_by_sender", row.opened_by_sender)?;
        let opened = Version::new(server, sender);
        Ok(Self::new(record, row.user_id, opened))
    }
}

pub(super) fn upsert_user(
    prefix: &TablePrefix,
    id: &str,
    row: &UserRow,
) -> Result<Statement, StoreError> {
    let user: User = row.record.decode().map_err(StoreError::corrupt)?;
    Ok(statement(UPSERT_USER, prefix)
        .text(id)
        .text(user.email.as_deref())
        .bool(user.email_verified)
        .text(user.name.as_deref())
        .text(user.username.as_deref())
        .text(user.image.as_deref())
        .text(user.role.as_deref())
        .bool(user.banned)
        .time(user.ban_expires)
        .bool(user.two_factor_enabled)
        .time(user.created_at)
        .time(user.updated_at)
        .time(row.sessions_ended.and_then(Version::server))
        .time(row.sessions_ended.map(Version::sender))
        .text(&*row.record.data())
        .text(&*row.record.versions()))
}

pub(super) fn upsert_session(
    prefix: &TablePrefix,
    handle: &SessionHandle,
    row: &SessionRow,
) -> Result<Statement, StoreError> {
    let session: Session = row.record.decode().map_err(StoreError::corrupt)?;
    Ok(statement(UPSERT_SESSION, prefix)
        .text(handle.as_str())
        .text(session.id.as_deref())
        .text(row.user_id.as_deref())
        .time(session.expires_at)
        .text(session.ip_address.as_deref())
        .text(session.user_agent.as_deref())
        .text(session.impersonated_by.as_deref())
        .text(session.active_organization_id.as_deref())
        .time(session.created_at)
        .time(session.updated_at)
        .time(row.opened.server())
        .time(row.opened.sender())
        .text(&*row.record.data())
        .text(&*row.record.versions()))
}
