//! One event, whichever envelope it came in.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::declare::Emitted;
use super::envelope;
use super::error::DecodeError;
use super::event_type::EventType;
use super::resource::{ApiKey, Invitation, Member, Organization, Resource, Session, User};
use crate::base::clock::UnixMillis;
use crate::base::id::MessageId;
use crate::wire::json::strict::{self, Strict};

/// Something that happened to a user, a session, an organization or another resource.
///
/// Decode a received one with [`from_slice`](Self::from_slice) or as any `Deserialize` type; make
/// one to send with a constructor named after the event, or with [`new`](Self::new).
///
/// ```
/// use tower_auth_sync::event::{AuthEvent, EventType, Resource};
///
/// let event = AuthEvent::from_slice(
///     br#"{"event":"user.created","timestamp":"2025-01-15T10:30:00.000Z","data":{"id":"usr_1"}}"#,
/// )?;
/// assert_eq!(event.event_type(), &EventType::UserCreated);
/// assert!(matches!(event.resource()?, Resource::User(user) if user.id == "usr_1"));
/// # Ok::<(), tower_auth_sync::event::DecodeError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct AuthEvent {
    pub(crate) id: Option<Box<str>>,
    pub(crate) event_type: EventType,
    pub(crate) occurred_at: Option<UnixMillis>,
    pub(crate) data: Map<String, Value>,
    /// Fields of the envelope that no envelope is known to have.
    pub(crate) extra: Map<String, Value>,
}

impl AuthEvent {
    /// Makes an event to send, without an id and a time: the emitter gives it both.
    ///
    /// # Security
    ///
    /// `data` travels as it is: no token, password or key belongs in it.
    #[must_use]
    pub fn new(event_type: EventType, data: Map<String, Value>) -> Self {
        Self {
            id: None,
            event_type,
            occurred_at: None,
            data,
            extra: Map::new(),
        }
    }

    /// Decodes a payload in any of the three envelopes.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], which says what is wrong and where.
    pub fn from_slice(payload: &[u8]) -> Result<Self, DecodeError> {
        envelope::open(strict::parse(payload)?)
    }

    /// Sets when it happened. Default: when it is emitted.
    #[must_use]
    pub const fn at(mut self, time: UnixMillis) -> Self {
        self.occurred_at = Some(time);
        self
    }

    /// Replaces the resource by what `change` makes of it, to redact it for instance.
    #[must_use]
    pub fn map_data(
        mut self,
        change: impl FnOnce(Map<String, Value>) -> Map<String, Value>,
    ) -> Self {
        self.data = change(self.data);
        self
    }

    /// Returns the id in the payload; `None` if the sender put it only into a header, or nowhere.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns what happened.
    #[must_use]
    pub const fn event_type(&self) -> &EventType {
        &self.event_type
    }

    /// Returns when it happened, as the sender says; `None` if it does not.
    #[must_use]
    pub const fn occurred_at(&self) -> Option<UnixMillis> {
        self.occurred_at
    }

    /// Returns the resource as it was sent, with `null`s and unknown fields.
    #[must_use]
    pub const fn data(&self) -> &Map<String, Value> {
        &self.data
    }

    /// Returns the fields beside `id`, name, time and `data` that the sender added.
    #[must_use]
    pub const fn extra(&self) -> &Map<String, Value> {
        &self.extra
    }

    /// Returns the resource that the event's name promises.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Resource`] if `data` lacks what the resource must have, or has a field of
    /// another type.
    pub fn resource(&self) -> Result<Resource, DecodeError> {
        Resource::of(&self.event_type, &self.data)
    }

    /// Writes the default envelope `{"id","event","timestamp","data"}`, then the unknown fields.
    ///
    /// `timestamp` is when the event happened, or `now` if that is not known. `id` takes the place
    /// of any the event has.
    #[must_use]
    pub fn to_payload(&self, id: &MessageId, now: UnixMillis) -> Bytes {
        envelope::seal(self, id, now)
    }
}

macro_rules! constructors {
    ($($make:ident($resource:ident) = $event:ident;)*) => {
        impl AuthEvent {
            $(
                #[doc = concat!("Makes a [`", stringify!($event), "`](EventType::", stringify!($event), ") event.")]
                #[must_use]
                pub fn $make(resource: &$resource) -> Self {
                    Self::new(EventType::$event, resource.to_data())
                }
            )*
        }
    };
}

constructors! {
    user_created(User) = UserCreated;
    user_updated(User) = UserUpdated;
    user_deleted(User) = UserDeleted;
    user_banned(User) = UserBanned;
    user_unbanned(User) = UserUnbanned;
    session_created(Session) = SessionCreated;
    session_revoked(Session) = SessionRevoked;
    organization_created(Organization) = OrganizationCreated;
    organization_updated(Organization) = OrganizationUpdated;
    organization_deleted(Organization) = OrganizationDeleted;
    member_added(Member) = MemberAdded;
    member_removed(Member) = MemberRemoved;
    member_role_updated(Member) = MemberRoleUpdated;
    invitation_created(Invitation) = InvitationCreated;
    invitation_accepted(Invitation) = InvitationAccepted;
    invitation_revoked(Invitation) = InvitationRevoked;
    email_verified(User) = EmailVerified;
    password_reset(User) = PasswordReset;
    two_factor_enabled(User) = TwoFactorEnabled;
    two_factor_disabled(User) = TwoFactorDisabled;
    api_key_created(ApiKey) = ApiKeyCreated;
    api_key_revoked(ApiKey) = ApiKeyRevoked;
}

/// Shows what happened, to which message and when, and nothing of the payload.
impl fmt::Debug for AuthEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthEvent")
            .field("id", &self.id)
            .field("event_type", &self.event_type.as_str())
            .field("occurred_at", &self.occurred_at)
            .finish_non_exhaustive()
    }
}

/// As [`AuthEvent::from_slice`], less the checks of the encoding, which are the format's.
impl<'de> Deserialize<'de> for AuthEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(payload) = Strict::deserialize(deserializer)?;
        envelope::open(payload).map_err(de::Error::custom)
    }
}
