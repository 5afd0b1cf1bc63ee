//! Stored rows of users and sessions, and their rules. Pure.

use super::change::Update;
use super::field_set::FieldSet;
use super::version::Version;

/// Stored row of a user.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserRow {
    /// Fields of the user.
    pub record: FieldSet,
    /// The user's sessions opened until then have ended.
    pub sessions_ended: Option<Version>,
}

/// Stored row of a session.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// Fields of the session.
    pub record: FieldSet,
    /// Id of its user, if known.
    pub user_id: Option<String>,
    /// Time of opening.
    pub opened: Version,
}

impl UserRow {
    /// Creates a row from its stored fields.
    ///
    /// ```
    /// use tower_auth_sync::mirror::{FieldSet, UserRow};
    ///
    /// let row = UserRow::new(FieldSet::default(), None);
    /// assert_eq!(row, UserRow::default());
    /// ```
    #[must_use]
    pub const fn new(record: FieldSet, sessions_ended: Option<Version>) -> Self {
        Self {
            record,
            sessions_ended,
        }
    }

    /// Applies a [`MirrorChange::User`](super::change::MirrorChange::User). Returns whether
    /// anything changed.
    pub fn apply(&mut self, update: &Update, sessions_ended: Option<Version>) -> bool {
        let ended_before = self.sessions_ended;
        if let Some(ended) = sessions_ended {
            self.sessions_ended = Some(ended_before.map_or(ended, |it| it.latest(ended)));
        }
        self.record.merge(update) || self.sessions_ended != ended_before
    }
}

impl SessionRow {
    /// Creates a row from its stored fields, or the first row with empty fields.
    ///
    /// ```
    /// use tower_auth_sync::clock::UnixMillis;
    /// use tower_auth_sync::mirror::{FieldSet, SessionRow, Version};
    ///
    /// let opened = Version::new(None, UnixMillis::EPOCH);
    /// let row = SessionRow::new(FieldSet::default(), Some("usr_1".into()), opened);
    /// assert!(row.is_of_another(Some("usr_2")));
    /// ```
    #[must_use]
    pub const fn new(record: FieldSet, user_id: Option<String>, opened: Version) -> Self {
        Self {
            record,
            user_id,
            opened,
        }
    }

    /// Applies a [`MirrorChange::Session`](super::change::MirrorChange::Session). Returns whether
    /// anything changed. Ignores a change of another user's session.
    pub fn apply(&mut self, user_id: Option<&str>, opened: Version, update: &Update) -> bool {
        if self.is_of_another(user_id) {
            return false;
        }
        let mut changed = self.record.merge(update);
        if self.user_id.is_none() && user_id.is_some() {
            self.user_id = user_id.map(Into::into);
            changed = true;
        }
        let opened_before = self.opened;
        self.opened = opened_before.earliest(opened);
        changed || self.opened != opened_before
    }

    /// Returns whether the session is known to belong to another user than `user_id`.
    #[must_use]
    pub fn is_of_another(&self, user_id: Option<&str>) -> bool {
        let both = self.user_id.as_deref().zip(user_id);
        both.is_some_and(|(known, update)| known != update)
    }

    /// Returns whether the session ended with the others of its user: it was not opened later, by
    /// either clock.
    #[must_use]
    pub fn has_ended(&self, user: Option<&UserRow>) -> bool {
        let ended = user.and_then(|user| user.sessions_ended);
        ended.is_some_and(|ended| self.opened.is_until(ended))
    }
}
