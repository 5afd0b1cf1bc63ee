//! When something was, by the two clocks that apply. Pure.

use crate::base::clock::UnixMillis;
use crate::wire::event::AuthEvent;

/// When something was, by the clock of the auth server, which writes `createdAt` and `updatedAt`,
/// and by that of the sender, which gives events their times.
///
/// The clocks may differ, so a time of one is never judged by a time of the other where that can be
/// helped.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Version {
    server: Option<UnixMillis>,
    sender: UnixMillis,
}

impl Version {
    /// Makes the times that a store has kept.
    #[must_use]
    pub const fn new(server: Option<UnixMillis>, sender: UnixMillis) -> Self {
        Self { server, sender }
    }

    /// The event's time is taken for the server's if the event has none, and for
    /// [`UnixMillis::EPOCH`] if there is neither.
    pub(super) fn of(event: &AuthEvent, server: Option<UnixMillis>) -> Self {
        let sender = event.occurred_at().or(server);
        Self::new(server, sender.unwrap_or_default())
    }

    /// Returns the time by the auth server's clock; `None` if no event told it.
    #[must_use]
    pub const fn server(self) -> Option<UnixMillis> {
        self.server
    }

    /// Returns the time by the sender's clock.
    #[must_use]
    pub const fn sender(self) -> UnixMillis {
        self.sender
    }

    /// The earlier time of each clock.
    pub(super) fn earliest(self, other: Self) -> Self {
        let server = [self.server, other.server];
        Self {
            server: server.into_iter().flatten().min(),
            sender: self.sender.min(other.sender),
        }
    }

    /// The later time of each clock.
    pub(super) fn latest(self, other: Self) -> Self {
        Self {
            server: self.server.max(other.server),
            sender: self.sender.max(other.sender),
        }
    }

    /// Whether either clock says that this was not after `other`.
    pub(super) fn is_until(self, other: Self) -> bool {
        let server = self.server.zip(other.server);
        self.sender <= other.sender || server.is_some_and(|(this, other)| this <= other)
    }
}
