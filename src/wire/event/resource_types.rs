//! Resources: the `data` of events.
//!
//! Field names on the wire are those of Better Auth, in camel case.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::declare::{FieldSpec, ResourceData, resource};
use super::session_handle::SessionHandle;
use super::time;
use crate::base::clock::UnixMillis;

resource! {
    /// A user.
    ///
    /// ```
    /// use tower_auth_sync::event::{AuthEvent, User};
    ///
    /// let mut user = User::new("usr_1");
    /// user.email = Some("ada@example.com".into());
    /// assert_eq!(AuthEvent::user_created(&user).data()["email"], "ada@example.com");
    /// ```
    User = "user" hides &["password"];
    required {
        /// The user's id.
        id = "id",
    }
    ids {}
    optional {
        /// The display name.
        name = "name": String,
        /// The e-mail address.
        email = "email": String,
        /// Whether the user verified the address.
        email_verified = "emailVerified": bool,
        /// The URL of a picture.
        image = "image": String,
        /// The sign-in name, normalized.
        username = "username": String,
        /// The sign-in name, as the user entered it.
        display_username = "displayUsername": String,
        /// The telephone number.
        phone_number = "phoneNumber": String,
        /// Whether the user verified the number.
        phone_number_verified = "phoneNumberVerified": bool,
        /// Whether the user signed in without an identity.
        is_anonymous = "isAnonymous": bool,
        /// The role in the whole application; several are separated by commas.
        role = "role": String,
        /// Whether the user is banned from signing in.
        banned = "banned": bool,
        /// The reason for the ban.
        ban_reason = "banReason": String,
        /// Whether the second factor is enabled.
        two_factor_enabled = "twoFactorEnabled": bool,
    }
    times {
        /// The end of the ban; `None` with `banned` means no end.
        ban_expires = "banExpires",
        /// When the user was created.
        created_at = "createdAt",
        /// When the user last changed.
        updated_at = "updatedAt",
    }
}

resource! {
    /// A session, without its token.
    ///
    /// A `token` in a received payload becomes the [`handle`](Self::handle) and is dropped. A `token`
    /// in [`extra`](Self::extra) is not sent.
    Session = "session" hides &["token"];
    required {}
    ids {
        /// The hash of the token that identifies the session.
        handle = "handle": SessionHandle,
        /// The session's id, if the sender has it.
        id = "id": String,
        /// The id of the session's user.
        user_id = "userId": String,
    }
    optional {
        /// The IP address of the client that opened the session.
        ip_address = "ipAddress": String,
        /// The `User-Agent` of that client.
        user_agent = "userAgent": String,
        /// The id of the administrator who impersonates the user.
        impersonated_by = "impersonatedBy": String,
        /// The id of the active organization.
        active_organization_id = "activeOrganizationId": String,
    }
    times {
        /// When the session expires.
        expires_at = "expiresAt",
        /// When it was created.
        created_at = "createdAt",
        /// When it last changed.
        updated_at = "updatedAt",
    }
}

impl Session {
    /// Creates one with the handle of `token` alone.
    ///
    /// ```
    /// use tower_auth_sync::event::{Session, SessionHandle};
    ///
    /// let session = Session::of_token("a-session-token");
    /// assert_eq!(session.handle, Some(SessionHandle::of_token("a-session-token")));
    /// ```
    #[must_use]
    pub fn of_token(token: &str) -> Self {
        Self {
            handle: Some(SessionHandle::of_token(token)),
            ..Self::default()
        }
    }

    pub(super) fn without_token(mut self) -> Self {
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
        /// The display name.
        name = "name": String,
        /// The name in URLs.
        slug = "slug": String,
        /// The URL of a picture.
        logo = "logo": String,
    }
    times {
        /// When it was created.
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
        /// The id of the organization.
        organization_id = "organizationId": String,
        /// The id of the user.
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
        /// The id of the organization.
        organization_id = "organizationId": String,
    }
    optional {
        /// The e-mail address of the invited person.
        email = "email": String,
        /// The offered role.
        role = "role": String,
        /// The id of the offered team.
        team_id = "teamId": String,
        /// `pending`, `accepted`, `rejected` or `canceled`.
        status = "status": String,
        /// The id of the inviting user.
        inviter_id = "inviterId": String,
    }
    times {
        /// When the invitation expires.
        expires_at = "expiresAt",
        /// When it was created.
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
        /// The id of the user or organization that owns the key.
        reference_id = "referenceId": String,
        /// The id of the owning user, in older versions of Better Auth.
        user_id = "userId": String,
    }
    optional {
        /// The display name.
        name = "name": String,
        /// The first characters of the key, for its owner to recognize it.
        start = "start": String,
        /// The configured prefix of the key.
        prefix = "prefix": String,
        /// Whether the key is accepted.
        enabled = "enabled": bool,
    }
    times {
        /// When the key expires.
        expires_at = "expiresAt",
        /// When it was created.
        created_at = "createdAt",
        /// When it last changed.
        updated_at = "updatedAt",
    }
}

/// Shows the identifier alone.
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
