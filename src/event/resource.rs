//! What events are about.
//!
//! Field names on the wire are those of Better Auth, in camel case.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::DecodeError;
use super::event_type::EventType;
use super::session_handle::SessionHandle;
use super::time;
use crate::clock::UnixMillis;

/// A resource as `data` of an [`AuthEvent`](super::AuthEvent) that is to be sent.
pub(super) trait Emitted: Serialize {
    /// Keys that hold a secret in the answers of auth servers and so are never sent.
    const SECRETS: &'static [&'static str];

    fn to_data(&self) -> Map<String, Value> {
        // A struct of texts, flags and JSON values always is a JSON object.
        let Ok(Value::Object(mut data)) = serde_json::to_value(self) else {
            return Map::new();
        };
        for key in Self::SECRETS {
            data.remove(*key);
        }
        data
    }
}

macro_rules! resource {
    (
        $(#[$meta:meta])*
        $name:ident hides $secrets:expr;
        required { $($(#[$required_meta:meta])* $required:ident,)* }
        optional { $($(#[$optional_meta:meta])* $optional:ident: $type:ty,)* }
        times { $($(#[$time_meta:meta])* $time:ident,)* }
    ) => {
        $(#[$meta])*
        ///
        /// A field that is absent and one that is `null` are both `None`; where the difference
        /// matters, look at [`AuthEvent::data`](super::AuthEvent::data).
        #[non_exhaustive]
        #[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($(#[$required_meta])* pub $required: String,)*
            $(
                $(#[$optional_meta])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $optional: Option<$type>,
            )*
            $(
                $(#[$time_meta])*
                #[serde(default, skip_serializing_if = "Option::is_none", with = "time::optional")]
                pub $time: Option<UnixMillis>,
            )*
            /// Every field that this version does not know.
            #[serde(flatten)]
            pub extra: Map<String, Value>,
        }

        impl $name {
            $(
                /// Makes one with nothing but its id.
                #[must_use]
                pub fn new($required: impl Into<String>) -> Self {
                    Self {
                        $required: $required.into(),
                        ..Self::default()
                    }
                }
            )*
        }

        impl Emitted for $name {
            const SECRETS: &'static [&'static str] = $secrets;
        }
    };
}

resource! {
    /// A user.
    User hides &["password"];
    required {
        /// The user's id.
        id,
    }
    optional {
        /// The name to show.
        name: String,
        /// The e-mail address.
        email: String,
        /// Whether the user proved to own the address.
        email_verified: bool,
        /// The URL of a picture.
        image: String,
        /// The name to sign in with, normalized.
        username: String,
        /// The name to sign in with, as the user wrote it.
        display_username: String,
        /// The telephone number.
        phone_number: String,
        /// Whether the user proved to own the number.
        phone_number_verified: bool,
        /// Whether the user signed in without an identity.
        is_anonymous: bool,
        /// The role in the whole application; several are separated by commas.
        role: String,
        /// Whether the user may not sign in.
        banned: bool,
        /// Why not.
        ban_reason: String,
        /// Whether the second factor is on.
        two_factor_enabled: bool,
    }
    times {
        /// When a ban ends; `None` is never, if `banned`.
        ban_expires,
        /// When the user came to be.
        created_at,
        /// When the user last changed.
        updated_at,
    }
}

resource! {
    /// A session, without its token.
    ///
    /// A `token` in a received payload is turned into the [`handle`](Self::handle) and forgotten;
    /// one in [`extra`](Self::extra) is not sent.
    Session hides &["token"];
    required {}
    optional {
        /// Names the session by a hash of its token.
        handle: SessionHandle,
        /// The session's id, where the sender knows it.
        id: String,
        /// Whose session it is.
        user_id: String,
        /// The address the session was opened from.
        ip_address: String,
        /// The browser it was opened with.
        user_agent: String,
        /// The administrator who acts as the user.
        impersonated_by: String,
        /// The organization the session works in.
        active_organization_id: String,
    }
    times {
        /// When the session ends by itself.
        expires_at,
        /// When it was opened.
        created_at,
        /// When it last changed.
        updated_at,
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
    Organization hides &[];
    required {
        /// The organization's id.
        id,
    }
    optional {
        /// The name to show.
        name: String,
        /// The name in URLs.
        slug: String,
        /// The URL of a picture.
        logo: String,
    }
    times {
        /// When it came to be.
        created_at,
        /// When it last changed.
        updated_at,
    }
}

resource! {
    /// A user's membership of an organization.
    Member hides &[];
    required {
        /// The membership's id.
        id,
    }
    optional {
        /// The organization.
        organization_id: String,
        /// The user.
        user_id: String,
        /// The role in the organization; several are separated by commas.
        role: String,
    }
    times {
        /// When the user became a member.
        created_at,
        /// When the membership last changed.
        updated_at,
    }
}

resource! {
    /// An invitation to an organization.
    Invitation hides &[];
    required {
        /// The invitation's id.
        id,
    }
    optional {
        /// The organization.
        organization_id: String,
        /// Who is invited.
        email: String,
        /// The role that is offered.
        role: String,
        /// The team that is offered.
        team_id: String,
        /// `pending`, `accepted`, `rejected` or `canceled`.
        status: String,
        /// The user who invites.
        inviter_id: String,
    }
    times {
        /// When the invitation ends by itself.
        expires_at,
        /// When it was made.
        created_at,
        /// When it last changed.
        updated_at,
    }
}

resource! {
    /// An API key, without the key itself: a `key` in [`extra`](Self::extra) is not sent.
    ApiKey hides &["key"];
    required {
        /// The key's id.
        id,
    }
    optional {
        /// The name to show.
        name: String,
        /// The first characters of the key, for its owner to know it by.
        start: String,
        /// What the key begins with, by configuration.
        prefix: String,
        /// The user or organization that owns the key.
        reference_id: String,
        /// The user that owns the key, in older versions of Better Auth.
        user_id: String,
        /// Whether the key is accepted.
        enabled: bool,
    }
    times {
        /// When the key ends by itself.
        expires_at,
        /// When it was made.
        created_at,
        /// When it last changed.
        updated_at,
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
    pub(super) fn of(
        event_type: &EventType,
        data: &Map<String, Value>,
    ) -> Result<Self, DecodeError> {
        match event_type {
            EventType::UserCreated
            | EventType::UserUpdated
            | EventType::UserDeleted
            | EventType::UserBanned
            | EventType::UserUnbanned
            | EventType::EmailVerified
            | EventType::PasswordReset
            | EventType::TwoFactorEnabled
            | EventType::TwoFactorDisabled => decode(data, "user").map(Self::User),
            EventType::SessionCreated | EventType::SessionRevoked => decode(data, "session")
                .map(Session::without_token)
                .map(Self::Session),
            EventType::OrganizationCreated
            | EventType::OrganizationUpdated
            | EventType::OrganizationDeleted => {
                decode(data, "organization").map(Self::Organization)
            }
            EventType::MemberAdded | EventType::MemberRemoved | EventType::MemberRoleUpdated => {
                decode(data, "member").map(Self::Member)
            }
            EventType::InvitationCreated
            | EventType::InvitationAccepted
            | EventType::InvitationRevoked => decode(data, "invitation").map(Self::Invitation),
            EventType::ApiKeyCreated | EventType::ApiKeyRevoked => {
                decode(data, "API key").map(Self::ApiKey)
            }
            EventType::Other(_) => Ok(Self::Other),
        }
    }
}

fn decode<'a, T: Deserialize<'a>>(
    data: &'a Map<String, Value>,
    resource: &'static str,
) -> Result<T, DecodeError> {
    let nameless = data.get("id").is_some_and(|id| id == "");
    if nameless {
        return Err(DecodeError::Resource { resource });
    }
    // The cause is dropped because its text may quote the payload.
    T::deserialize(data).map_err(|_cause| DecodeError::Resource { resource })
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
