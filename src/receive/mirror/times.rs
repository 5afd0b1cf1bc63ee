//! When something was, by the two clocks that tell. Pure.

use crate::base::clock::UnixMillis;
use crate::wire::event::AuthEvent;

/// When something was, by the clock of the auth server, which writes `createdAt` and `updatedAt`,
/// and by that of the sender, which gives events their times.
///
/// The clocks may differ, so a time of one is never judged by a time of the other where that can be
/// helped.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Times {
    by_server: Option<UnixMillis>,
    by_sender: UnixMillis,
}

impl Times {
    /// Makes the times that a store has kept.
    #[must_use]
    pub const fn new(by_server: Option<UnixMillis>, by_sender: UnixMillis) -> Self {
        Self {
            by_server,
            by_sender,
        }
    }

    /// The event's time is taken for the server's if the event has none, and for
    /// [`UnixMillis::EPOCH`] if there is neither.
    pub(super) fn of(event: &AuthEvent, by_server: Option<UnixMillis>) -> Self {
        let by_sender = event.occurred_at().or(by_server);
        Self::new(by_server, by_sender.unwrap_or_default())
    }

    /// Returns the time by the auth server's clock; `None` if no event told it.
    #[must_use]
    pub const fn by_server(self) -> Option<UnixMillis> {
        self.by_server
    }

    /// Returns the time by the sender's clock.
    #[must_use]
    pub const fn by_sender(self) -> UnixMillis {
        self.by_sender
    }

    /// The earlier time of each clock.
    pub(super) fn earliest(self, other: Self) -> Self {
        let by_server = [self.by_server, other.by_server];
        Self {
            by_server: by_server.into_iter().flatten().min(),
            by_sender: self.by_sender.min(other.by_sender),
        }
    }

    /// The later time of each clock.
    pub(super) fn latest(self, other: Self) -> Self {
        Self {
            by_server: self.by_server.max(other.by_server),
            by_sender: self.by_sender.max(other.by_sender),
        }
    }

    /// Whether either clock says that this was not after `other`.
    pub(super) fn is_until(self, other: Self) -> bool {
        let by_server = self.by_server.zip(other.by_server);
        self.by_sender <= other.by_sender || by_server.is_some_and(|(this, other)| this <= other)
    }
}
