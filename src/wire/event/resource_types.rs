//! What events are about.
//!
//! Field names on the wire are those of Better Auth, in camel case.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::declare::{Declared, Emitted, resource};
use super::error::DecodeError;
use super::event_type::EventType;
use super::session_handle::SessionHandle;
use super::time;
use crate::base::clock::UnixMillis;

resource! {
    /// A user.
    User = "user" hides &["password"];
    required {
        /// The user's id.
        id = "id",
    }
    ids {}
    optional {
        /// The name to show.
        name = "name": String,
        /// The e-mail address.
        email = "email": String,
        /// Whether the user proved to own the address.
        email_verified = "emailVerified": bool,
        /// The URL of a picture.
        image = "image": String,
        /// The name to sign in with, normalized.
        username = "username": String,
        /// The name to sign in with, as the user wrote it.
        display_username = "displayUsername": String,
        /// The telephone number.
        phone_number = "phoneNumber": String,
        /// Whether the user proved to own the number.
        phone_number_verified = "phoneNumberVerified": bool,
        /// Whether the user signed in without an identity.
        is_anonymous = "isAnonymous": bool,
        /// The role in the whole application; several are separated by commas.
        role = "role": String,
        /// Whether the user may not sign in.
        banned = "banned": bool,
        /// Why not.
        ban_reason = "banReason": String,
        /// Whether the second factor is on.
        two_factor_enabled = "twoFactorEnabled": bool,
    }
    times {
        /// When a ban ends; `None` is never, if `banned`.
        ban_expires = "banExpires",
        /// When the user came to be.
        created_at = "createdAt",
        /// When the user last changed.
        updated_at = "updatedAt",
    }
}

resource! {
    /// A session, without its token.
    ///
    /// A `token` in a received payload is turned into the [`handle`](Self::handle) and forgotten;
    /// one in [`extra`](Self::extra) is not sent.
    Session = "session" hides &["token"];
    required {}
    ids {
        /// Names the session by a hash of its token.
        handle = "handle": SessionHandle,
        /// The session's id, where the sender knows it.
        id = "id": String,
        /// Whose session it is.
        user_id = "userId": String,
    }
    optional {
        /// The address the session was opened from.
        ip_address = "ipAddress": String,
        /// The browser it was opened with.
        user_agent = "userAgent": String,
        /// The administrator who acts as the user.
        impersonated_by = "impersonatedBy": String,
        /// The organization the session works in.
        active_organization_id = "activeOrganizationId": String,
    }
    times {
        /// When the session ends by itself.
        expires_at = "expiresAt",
        /// When it was opened.
        created_at = "createdAt",
        /// When it last changed.
        updated_at = "updatedAt",
    }
}

impl Session {
    /// Makes one with nothing but the handle of `token`.
    #[must_use]
    pub fn of_token(token: &str) -> Self {
        Self {
            handle: Some(SessionHandle::of_token(token)),
            ..Self::default()
        }
    }

    fn without_token(mut self) -> Self {
        if let Some(Value::String(token)) = self.extra.remove("token") {
            self.handle
                .get_or_insert_with(|| SessionHandle::of_token(&token));
        }
        self
    }
}

resource! {
    /// An organization.
    Organization = "organization" hides &[];
    required {
        /// The organization's id.
        id = "id",
    }
    ids {}
    optional {
        /// The name to show.
        name = "name": String,
        /// The name in URLs.
        slug = "slug": String,
        /// The URL of a picture.
        logo = "logo": String,
    }
    times {
        /// When it came to be.
        created_at = "createdAt",
        /// When it last changed.
        updated_at = "updatedAt",
    }
}

resource! {
    /// A user's membership of an organization.
    Member = "member" hides &[];
    required {
        /// The membership's id.
        id = "id",
    }
    ids {
        /// The organization.
        organization_id = "organizationId": String,
        /// The user.
        user_id = "userId": String,
    }
    optional {
        /// The role in the organization; several are separated by commas.
        role = "role": String,
    }
    times {
        /// When the user became a member.
        created_at = "createdAt",
        /// When the membership last changed.
        updated_at = "updatedAt",
    }
}

resource! {
    /// An invitation to an organization.
    Invitation = "invitation" hides &[];
    required {
        /// The invitation's id.
        id = "id",
    }
    ids {
        /// The organization.
        organization_id = "organizationId": String,
    }
    optional {
        /// Who is invited.
        email = "email": String,
        /// The role that is offered.
        role = "role": String,
        /// The team that is offered.
        team_id = "teamId": String,
        /// `pending`, `accepted`, `rejected` or `canceled`.
        status = "status": String,
        /// The user who invites.
        inviter_id = "inviterId": String,
    }
    times {
        /// When the invitation ends by itself.
        expires_at = "expiresAt",
        /// When it was made.
        created_at = "createdAt",
        /// When it last changed.
        updated_at = "updatedAt",
    }
}

resource! {
    /// An API key, without the key itself: a `key` in [`extra`](Self::extra) is not sent.
    ApiKey = "API key" hides &["key"];
    required {
        /// The key's id.
        id = "id",
    }
    ids {
        /// The user or organization that owns the key.
        reference_id = "referenceId": String,
        /// The user that owns the key, in older versions of Better Auth.
        user_id = "userId": String,
    }
    optional {
        /// The name to show.
        name = "name": String,
        /// The first characters of the key, for its owner to know it by.
        start = "start": String,
        /// What the key begins with, by configuration.
        prefix = "prefix": String,
        /// Whether the key is accepted.
        enabled = "enabled": bool,
    }
    times {
        /// When the key ends by itself.
        expires_at = "expiresAt",
        /// When it was made.
        created_at = "createdAt",
        /// When it last changed.
        updated_at = "updatedAt",
    }
}

/// What an event is about.
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
    /// An event whose name this version does not know; its `data` is in the event.
    Other,
}

impl Resource {
    pub(crate) fn of(
        event_type: &EventType,
        data: &Map<String, Value>,
    ) -> Result<Self, DecodeError> {
        match Kind::of(event_type) {
            Kind::User => decode(data).map(Self::User),
            Kind::Session => decode(data).map(Session::without_token).map(Self::Session),
            Kind::Organization => decode(data).map(Self::Organization),
            Kind::Member => decode(data).map(Self::Member),
            Kind::Invitation => decode(data).map(Self::Invitation),
            Kind::ApiKey => decode(data).map(Self::ApiKey),
            Kind::Other => Ok(Self::Other),
        }
    }
}

/// Which resource an event's name promises.
pub(crate) enum Kind {
    User,
    Session,
    Organization,
    Member,
    Invitation,
    ApiKey,
    Other,
}

impl Kind {
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

    /// What the resource is called, and its fields; of an unknown one none is known.
    pub(crate) const fn declared(&self) -> (&'static str, &'static [Declared]) {
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
    T: Emitted + Deserialize<'a>,
{
    let wrong = T::FIELDS.iter().find(|field| !field.is_right_in(data));
    let refused = |field| DecodeError::Resource {
        resource: T::NAME,
        field,
    };
    match wrong {
        Some(field) => Err(refused(field.name)),
        // Never fails: each field was read. The cause would be dropped, as it may quote the payload.
        None => T::deserialize(data).map_err(|_cause| refused("data")),
    }
}

/// Shows which one it is and nothing about it.
macro_rules! opaque {
    ($($name:ident: $id:ident;)*) => {
        $(
            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.debug_struct(stringify!($name))
                        .field(stringify!($id), &self.$id)
                        .finish_non_exhaustive()
                }
            }
        )*
    };
}

opaque! {
    User: id;
    Session: handle;
    Organization: id;
    Member: id;
    Invitation: id;
    ApiKey: id;
}
