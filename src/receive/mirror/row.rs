//! What a store keeps of one user and one session, and the rules between them. Pure.

use super::change::Update;
use super::field_set::FieldSet;
use super::version::Version;

/// What a store keeps of a user.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserRow {
    /// What was told about the user.
    pub record: FieldSet,
    /// The user's sessions that were opened until then are over.
    pub sessions_ended: Option<Version>,
}

/// What a store keeps of a session.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// What was told about the session.
    pub record: FieldSet,
    /// Whose it is.
    pub user_id: Option<String>,
    /// When it was opened.
    pub opened: Version,
}

impl UserRow {
    /// Makes the row that a store has kept.
    #[must_use]
    pub const fn new(record: FieldSet, sessions_ended: Option<Version>) -> Self {
        Self {
            record,
            sessions_ended,
        }
    }

    /// Takes over what is new in a [`MirrorChange::User`](super::change::MirrorChange::User); returns whether anything
    /// is.
    pub fn apply(&mut self, update: &Update, sessions_ended: Option<Version>) -> bool {
        let ended_before = self.sessions_ended;
        if let Some(ended) = sessions_ended {
            self.sessions_ended = Some(ended_before.map_or(ended, |it| it.latest(ended)));
        }
        self.record.merge(update) || self.sessions_ended != ended_before
    }
}

impl SessionRow {
    /// Makes the row that a store has kept, or the first one with an empty record.
    #[must_use]
    pub const fn new(record: FieldSet, user_id: Option<String>, opened: Version) -> Self {
        Self {
            record,
            user_id,
            opened,
        }
    }

    /// Takes over what is new in a [`MirrorChange::Session`](super::change::MirrorChange::Session); returns whether
    /// anything is. What is told of another user's session is not.
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

    /// Returns whether the session is known to be of another user than `user_id`.
    #[must_use]
    pub fn is_of_another(&self, user_id: Option<&str>) -> bool {
        let both = self.user_id.as_deref().zip(user_id);
        both.is_some_and(|(known, update)| known != update)
    }

    /// Returns whether the session ended with the others of its user: by either clock it was not
    /// opened after that.
    #[must_use]
    pub fn has_ended(&self, user: Option<&UserRow>) -> bool {
        let ended = user.and_then(|user| user.sessions_ended);
        ended.is_some_and(|ended| self.opened.is_until(ended))
    }
}
