//! Version of data, by two clocks. Pure.

use crate::base::clock::UnixMillis;
use crate::wire::event::AuthEvent;

/// Time of a change, by the clock of the auth server, which writes `createdAt` and `updatedAt`, and
/// by the clock of the sender, which writes the times of events.
///
/// The clocks may differ: comparisons avoid mixing them where possible.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Version {
    server: Option<UnixMillis>,
    sender: UnixMillis,
}

impl Version {
    /// Creates a version from its stored times.
    ///
    /// ```
    /// use tower_auth_sync::clock::UnixMillis;
    /// use tower_auth_sync::mirror::Version;
    ///
    /// let version = Version::new(None, UnixMillis::EPOCH);
    /// assert_eq!(version.server(), None);
    /// ```
    #[must_use]
    pub const fn new(server: Option<UnixMillis>, sender: UnixMillis) -> Self {
        Self { server, sender }
    }

    /// Uses the server's time if the event has none, and [`UnixMillis::EPOCH`] if there is neither.
    pub(super) fn of(event: &AuthEvent, server: Option<UnixMillis>) -> Self {
        let sender = event.occurred_at().or(server);
        Self::new(server, sender.unwrap_or_default())
    }

    /// Returns the time by the auth server's clock; `None` if no event had it.
    #[must_use]
    pub const fn server(self) -> Option<UnixMillis> {
        self.server
    }

    /// Returns the time by the sender's clock.
    #[must_use]
    pub const fn sender(self) -> UnixMillis {
        self.sender
    }

    /// Returns the earlier time of each clock.
    pub(super) fn earliest(self, other: Self) -> Self {
        let server = [self.server, other.server];
        Self {
            server: server.into_iter().flatten().min(),
            sender: self.sender.min(other.sender),
        }
    }

    /// Returns the later time of each clock.
    pub(super) fn latest(self, other: Self) -> Self {
        Self {
            server: self.server.max(other.server),
            sender: self.sender.max(other.sender),
        }
    }

    /// Returns whether this was not after `other` by either clock.
    pub(super) fn is_until(self, other: Self) -> bool {
        let server = self.server.zip(other.server);
        self.sender <= other.sender || server.is_some_and(|(this, other)| this <= other)
    }
}
