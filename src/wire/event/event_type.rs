//! The names of events.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! event_types {
    ($($(#[$meta:meta])* $variant:ident = $name:literal;)*) => {
        /// The type of an event.
        ///
        /// [`Other`](Self::Other) keeps a name that this version does not know. Two values are equal
        /// exactly if their names are equal.
        ///
        /// ```
        /// use tower_auth_sync::event::EventType;
        ///
        /// assert_eq!(EventType::new("user.created"), Ok(EventType::UserCreated));
        /// assert!(EventType::new("with space").is_err());
        /// ```
        #[non_exhaustive]
        #[derive(Clone, Debug)]
        pub enum EventType {
            $($(#[$meta])* #[doc = concat!("\n\n`", $name, "`.")] $variant,)*
            /// A name that is not in this list.
            Other(OtherEvent),
        }

        impl EventType {
            /// Every name that this version knows.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name.as_str(),
                }
            }

            fn known(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

event_types! {
    /// A user was created.
    UserCreated = "user.created";
    /// A user's profile changed.
    UserUpdated = "user.updated";
    /// A user was deleted.
    UserDeleted = "user.deleted";
    /// A user was banned.
    UserBanned = "user.banned";
    /// A ban was lifted.
    UserUnbanned = "user.unbanned";
    /// A user signed in.
    SessionCreated = "session.created";
    /// A session ended by sign-out or revocation.
    SessionRevoked = "session.revoked";
    /// An organization was created.
    OrganizationCreated = "organization.created";
    /// An organization changed.
    OrganizationUpdated = "organization.updated";
    /// An organization was deleted.
    OrganizationDeleted = "organization.deleted";
    /// A user became a member.
    MemberAdded = "member.added";
    /// A member left or was removed.
    MemberRemoved = "member.removed";
    /// A member's role changed.
    MemberRoleUpdated = "member.role_updated";
    /// An invitation was created.
    InvitationCreated = "invitation.created";
    /// An invitation was accepted.
    InvitationAccepted = "invitation.accepted";
    /// An invitation was withdrawn.
    InvitationRevoked = "invitation.revoked";
    /// A user verified an e-mail address.
    EmailVerified = "email.verified";
    /// A forgotten password was replaced.
    PasswordReset = "password.reset";
    /// A user enabled the second factor.
    TwoFactorEnabled = "two_factor.enabled";
    /// A user disabled the second factor.
    TwoFactorDisabled = "two_factor.disabled";
    /// An API key was created.
    ApiKeyCreated = "api_key.created";
    /// An API key was deleted.
    ApiKeyRevoked = "api_key.revoked";
}

impl EventType {
    /// Checks the name of an event to send.
    ///
    /// # Errors
    ///
    /// [`InvalidEventType`] unless it has 1 to 128 characters of `A-Z a-z 0-9 _ . -`.
    pub fn new(name: &str) -> Result<Self, InvalidEventType> {
        if well_formed(name) {
            Ok(Self::received(name))
        } else {
            Err(InvalidEventType)
        }
    }

    /// Returns whether this name may be sent.
    ///
    /// A received name is kept with any characters. A name that [`new`](Self::new) refuses must not be
    /// forwarded.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        match self {
            Self::Other(name) => well_formed(name.as_str()),
            _ => true,
        }
    }

    /// Keeps a received name.
    pub(crate) fn received(name: &str) -> Self {
        Self::known(name).unwrap_or_else(|| Self::Other(OtherEvent(name.into())))
    }
}

impl PartialEq for EventType {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for EventType {}

impl Hash for EventType {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for EventType {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EventType {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventType {
    type Err = InvalidEventType;

    fn from_str(name: &str) -> Result<Self, InvalidEventType> {
        Self::new(name)
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Keeps any name that is not empty.
impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.is_empty() {
            return Err(de::Error::custom("the event's name is empty"));
        }
        Ok(Self::received(&name))
    }
}

/// A name that this version does not know. Only [`EventType`] creates it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct OtherEvent(Box<str>);

impl OtherEvent {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that may not be sent: names have 1 to 128 of `A-Z a-z 0-9 _ . -`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an event's name has 1 to 128 characters of A-Z, a-z, 0-9, `_`, `.` and `-`")]
pub struct InvalidEventType;

/// Longest name in bytes.
const MAX_LEN: usize = 128;

/// Names go into headers, logs and SQL. These characters need no escaping there.
pub(crate) fn well_formed(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=MAX_LEN).contains(&name.len()) && name.bytes().all(legal)
}
