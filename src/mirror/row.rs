//! What a store keeps of one user and one session, and the rules between them. Pure.

use super::change::Told;
use super::record::Record;
use crate::clock::UnixMillis;

/// What a store keeps of a user.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserRow {
    /// What was told about the user.
    pub record: Record,
    /// The user's sessions that were opened until then are over.
    pub sessions_ended_at: Option<UnixMillis>,
}

/// What a store keeps of a session.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRow {
    /// What was told about the session.
    pub record: Record,
    /// Whose it is.
    pub user_id: Option<String>,
    /// When it was opened.
    pub opened_at: UnixMillis,
}

impl UserRow {
    /// Makes the row that a store has kept.
    #[must_use]
    pub const fn new(record: Record, sessions_ended_at: Option<UnixMillis>) -> Self {
        Self {
            record,
            sessions_ended_at,
        }
    }

    /// Takes over what is new in a [`Change::User`](super::Change::User); returns whether anything
    /// is.
    pub fn tell(&mut self, told: &Told, sessions_ended_at: Option<UnixMillis>) -> bool {
        let ended_later = sessions_ended_at > self.sessions_ended_at;
        self.sessions_ended_at = self.sessions_ended_at.max(sessions_ended_at);
        self.record.absorb(told) || ended_later
    }
}

impl SessionRow {
    /// Makes the row that a store has kept, or the first one with an empty record.
    #[must_use]
    pub const fn new(record: Record, user_id: Option<String>, opened_at: UnixMillis) -> Self {
        Self {
            record,
            user_id,
            opened_at,
        }
    }

    /// Takes over what is new in a [`Change::Session`](super::Change::Session); returns whether
    /// anything is.
    pub fn tell(&mut self, user_id: Option<&str>, opened_at: UnixMillis, told: &Told) -> bool {
        let mut changed = self.record.absorb(told);
        if user_id.is_some() && user_id != self.user_id.as_deref() {
            self.user_id = user_id.map(Into::into);
            changed = true;
        }
        if opened_at < self.opened_at {
            self.opened_at = opened_at;
            changed = true;
        }
        changed
    }

    /// Returns whether the session ended with the others of its user.
    #[must_use]
    pub fn is_over(&self, user: Option<&UserRow>) -> bool {
        user.is_some_and(|user| Some(self.opened_at) <= user.sessions_ended_at)
    }
}
