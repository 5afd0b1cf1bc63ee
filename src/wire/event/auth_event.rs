//! One event, from any envelope.

use std::fmt;

use serde_json::{Map, Value};

use super::declare::ResourceData;
use super::error::DecodeError;
use super::event_type::EventType;
use super::resource::Resource;
use super::resource_types::{ApiKey, Invitation, Member, Organization, Session, User};
use crate::base::clock::UnixMillis;

/// An event about a user, a session, an organization or another resource.
///
/// [`from_slice`](Self::from_slice) decodes a received event; so does any `Deserialize` format. A
/// constructor named after the event, or [`new`](Self::new), creates an event to send.
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
    /// Unknown fields of the envelope.
    pub(crate) extra: Map<String, Value>,
}

impl AuthEvent {
    /// Creates an event to send, without an id and a time: the emitter sets both.
    ///
    /// ```
    /// use serde_json::json;
    /// use tower_auth_sync::event::{AuthEvent, EventType};
    ///
    /// let event_type = EventType::new("invoice.paid")?;
    /// let data = json!({"id": "inv_1"}).as_object().cloned().unwrap_or_default();
    /// let event = AuthEvent::new(event_type, data);
    /// assert_eq!(event.data()["id"], "inv_1");
    /// # Ok::<(), tower_auth_sync::event::InvalidEventType>(())
    /// ```
    ///
    /// # Security
    ///
    /// `data` is sent unchanged: it must not contain a token, password or key.
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

    /// Sets when the event happened. Default: the time of emission.
    #[must_use]
    pub const fn at(mut self, time: UnixMillis) -> Self {
        self.occurred_at = Some(time);
        self
    }

    /// Replaces the resource by the result of `change`, for example to redact it.
    #[must_use]
    pub fn map_data(
        mut self,
        change: impl FnOnce(Map<String, Value>) -> Map<String, Value>,
    ) -> Self {
        self.data = change(self.data);
        self
    }

    /// Returns the id in the payload; `None` if the payload has no id.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the type of the event.
    #[must_use]
    pub const fn event_type(&self) -> &EventType {
        &self.event_type
    }

    /// Returns when the event happened, according to the sender; `None` if the payload has no time.
    #[must_use]
    pub const fn occurred_at(&self) -> Option<UnixMillis> {
        self.occurred_at
    }

    /// Returns the resource as sent, with `null`s and unknown fields.
    #[must_use]
    pub const fn data(&self) -> &Map<String, Value> {
        &self.data
    }

    /// Returns the sender's other fields beside `id`, name, time and `data`.
    #[must_use]
    pub const fn extra(&self) -> &Map<String, Value> {
        &self.extra
    }

    /// Returns the resource that the event's name promises.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Resource`] if `data` lacks a required field or has a field of a wrong type.
    pub fn resource(&self) -> Result<Resource, DecodeError> {
        Resource::of(&self.event_type, &self.data)
    }
}

macro_rules! constructors {
    ($($make:ident($resource:ident) = $event:ident;)*) => {
        impl AuthEvent {
            $(
                #[doc = concat!("Creates a [`", stringify!($event), "`](EventType::", stringify!($event), ") event.")]
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

/// Shows id, type and time, and no part of the payload.
impl fmt::Debug for AuthEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthEvent")
            .field("id", &self.id)
            .field("event_type", &self.event_type.as_str())
            .field("occurred_at", &self.occurred_at)
            .finish_non_exhaustive()
    }
}
