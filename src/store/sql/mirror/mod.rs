//! The mirror in ordinary SQL tables: rows, statements and their order. All databases share them.

mod rows;
mod sql;
mod tables;

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use self::sql::{
    SELECT_SESSION_FIELDS, SELECT_SESSIONS_OF, SELECT_USER_FIELDS, statement, with_prefix,
};
pub(crate) use self::tables::MirrorTables;
use super::migrate::Port;
use super::statement::Statement;
use crate::base::error::StoreError;
use crate::receive::mirror::{FieldSet, TablePrefix};
use crate::wire::event::SessionHandle;

/// Returns the tables of a mirror, from scripts with the default prefix. Mirrors with different prefixes
/// may share a database, so each has a version table of its own.
pub(crate) fn port<const N: usize>(
    prefix: &TablePrefix,
    scripts: [(&'static str, &'static str); N],
) -> Port {
    let version_table = if *prefix == TablePrefix::default() {
        Cow::Borrowed("tas_migrations_mirror")
    } else {
        Cow::Owned(format!("tas_migrations_mirror_{prefix}"))
    };
    let scripts = scripts.map(|(title, script)| (title, with_prefix(script, prefix)));
    Port {
        name: "mirror",
        version_table,
        scripts: scripts.to_vec().into(),
    }
}

pub(crate) fn select_user(prefix: &TablePrefix, id: &str) -> Statement {
    statement(SELECT_USER_FIELDS, prefix).text(id)
}

pub(crate) fn select_session(prefix: &TablePrefix, handle: &SessionHandle) -> Statement {
    statement(SELECT_SESSION_FIELDS, prefix).text(handle.as_str())
}

pub(crate) fn select_sessions_of(prefix: &TablePrefix, user_id: &str) -> Statement {
    statement(SELECT_SESSIONS_OF, prefix).text(user_id)
}

/// The fields of a user or a session.
#[derive(sqlx::FromRow)]
pub(crate) struct FieldsRow {
    data: String,
    versions: String,
}

impl FieldsRow {
    pub(crate) fn decode<T: DeserializeOwned>(self) -> Result<T, StoreError> {
        let fields = FieldSet::from_json(&self.data, &self.versions);
        let decoded = fields.and_then(|fields| fields.decode());
        decoded.map_err(StoreError::corrupt)
    }
}
