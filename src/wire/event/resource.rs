//! The resource that the name of an event promises.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::declare::{FieldSpec, ResourceData};
use super::error::DecodeError;
use super::event_type::EventType;
use super::resource_types::{ApiKey, Invitation, Member, Organization, Session, User};

/// The resource of an event.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Resource {
    /// `user.*`, `email.verified`, `password.reset` and `two_factor.*`.
    User(User),
    /// `session.*`.
    Session(Session),
    /// `organization.*`.
    Organization(Organization),
    /// `member.*`.
    Member(Member),
    /// `invitation.*`.
    Invitation(Invitation),
    /// `api_key.*`.
    ApiKey(ApiKey),
    /// An event whose name this version does not know; the event keeps its `data`.
    Other,
}

impl Resource {
    pub(crate) fn of(
        event_type: &EventType,
        data: &Map<String, Value>,
    ) -> Result<Self, DecodeError> {
        match ResourceKind::of(event_type) {
            ResourceKind::User => decode(data).map(Self::User),
            ResourceKind::Session => decode(data).map(Session::without_token).map(Self::Session),
            ResourceKind::Organization => decode(data).map(Self::Organization),
            ResourceKind::Member => decode(data).map(Self::Member),
            ResourceKind::Invitation => decode(data).map(Self::Invitation),
            ResourceKind::ApiKey => decode(data).map(Self::ApiKey),
            ResourceKind::Other => Ok(Self::Other),
        }
    }
}

/// The kind of resource that an event's name promises.
pub(crate) enum ResourceKind {
    User,
    Session,
    Organization,
    Member,
    Invitation,
    ApiKey,
    Other,
}

impl ResourceKind {
    pub(crate) const fn of(event_type: &EventType) -> Self {
        match event_type {
            EventType::UserCreated
            | EventType::UserUpdated
            | EventType::UserDeleted
            | EventType::UserBanned
            | EventType::UserUnbanned
            | EventType::EmailVerified
            | EventType::PasswordReset
            | EventType::TwoFactorEnabled
            | EventType::TwoFactorDisabled => Self::User,
            EventType::SessionCreated | EventType::SessionRevoked => Self::Session,
            EventType::OrganizationCreated
            | EventType::OrganizationUpdated
            | EventType::OrganizationDeleted => Self::Organization,
            EventType::MemberAdded | EventType::MemberRemoved | EventType::MemberRoleUpdated => {
                Self::Member
            }
            EventType::InvitationCreated
            | EventType::InvitationAccepted
            | EventType::InvitationRevoked => Self::Invitation,
            EventType::ApiKeyCreated | EventType::ApiKeyRevoked => Self::ApiKey,
            EventType::Other(_) => Self::Other,
        }
    }

    /// Returns the resource's name and its fields; an unknown resource has no fields.
    pub(crate) const fn declared(&self) -> (&'static str, &'static [FieldSpec]) {
        match self {
            Self::User => (User::NAME, User::FIELDS),
            Self::Session => (Session::NAME, Session::FIELDS),
            Self::Organization => (Organization::NAME, Organization::FIELDS),
            Self::Member => (Member::NAME, Member::FIELDS),
            Self::Invitation => (Invitation::NAME, Invitation::FIELDS),
            Self::ApiKey => (ApiKey::NAME, ApiKey::FIELDS),
            Self::Other => ("resource", &[]),
        }
    }
}

fn decode<'a, T>(data: &'a Map<String, Value>) -> Result<T, DecodeError>
where
    T: ResourceData + Deserialize<'a>,
{
    let wrong = T::FIELDS.iter().find(|field| !field.is_right_in(data));
    let refused = |field| DecodeError::Resource {
        resource: T::NAME,
        field,
    };
    match wrong {
        Some(field) => Err(refused(field.name)),
        // Each field decodes, so this never fails. The cause is dropped: it may quote the payload.
        None => T::deserialize(data).map_err(|_cause| refused("data")),
    }
}
