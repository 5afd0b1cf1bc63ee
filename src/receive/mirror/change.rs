//! The effect of an event on the mirror. Pure.

use std::fmt;

use serde_json::{Map, Value};

use super::version::Version;
use crate::wire::event::{
    AuthEvent, DecodeError, EventType, Resource, Session, SessionHandle, User, forget_omitted,
};

/// Effect of an event on the mirror; see the rules in the [module docs](super).
///
/// `Debug` shows only ids.
///
/// ```
/// use tower_auth_sync::event::AuthEvent;
/// use tower_auth_sync::mirror::MirrorChange;
///
/// let event = AuthEvent::from_slice(br#"{"event":"user.deleted","data":{"id":"usr_1"}}"#)?;
/// let change = MirrorChange::of(&event)?;
/// assert!(matches!(change, Some(MirrorChange::UserDeleted { id }) if id == "usr_1"));
/// # Ok::<(), tower_auth_sync::event::DecodeError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq)]
pub enum MirrorChange {
    /// Fields of a user changed.
    User {
        /// Id of the user.
        id: String,
        /// The changed fields.
        update: Update,
        /// Ends the sessions opened until then.
        sessions_ended: Option<Version>,
    },
    /// The user was deleted.
    UserDeleted {
        /// Id of the user.
        id: String,
    },
    /// Fields of a session changed.
    Session {
        /// Handle of the session.
        handle: SessionHandle,
        /// Id of its user, if the event has one.
        user_id: Option<String>,
        /// Time of opening: its `createdAt`, and the time of the event.
        opened: Version,
        /// The changed fields.
        update: Update,
    },
    /// The session was revoked.
    SessionRevoked {
        /// Handle of the session.
        handle: SessionHandle,
        /// Id of its user, if the event has one.
        user_id: Option<String>,
    },
}

/// Fields of a user or session, and their version.
#[derive(Clone, PartialEq)]
pub struct Update {
    pub(super) fields: Map<String, Value>,
    pub(super) times: Version,
    /// ULID of the message's id; orders events of one time.
    pub(super) ulid: Option<String>,
    /// Field that the event's name asserts.
    pub(super) asserted: Option<&'static str>,
}

impl MirrorChange {
    /// Returns the effect of `event`; `None` if it has none.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Resource`] if the event is about a user or session and its data is neither.
    pub fn of(event: &AuthEvent) -> Result<Option<Self>, DecodeError> {
        if !is_mirrored(event.event_type()) {
            return Ok(None);
        }
        Ok(match event.resource()? {
            Resource::User(user) => Some(Self::of_user(event, user)),
            Resource::Session(session) => Self::of_session(event, session),
            _ => None,
        })
    }

    fn of_user(event: &AuthEvent, user: User) -> Self {
        let event_type = event.event_type();
        if *event_type == EventType::UserDeleted {
            return Self::UserDeleted { id: user.id };
        }
        let times = Version::of(event, user.updated_at);
        let mut update = Update::of(event, AuthEvent::user_updated(&user).data(), times);
        if let Some((field, value)) = asserted(event_type) {
            update.fields.insert(field.into(), value.into());
            update.asserted = Some(field);
        }
        let banned = *event_type == EventType::UserBanned;
        Self::User {
            id: user.id,
            update,
            sessions_ended: banned.then_some(times),
        }
    }

    fn of_session(event: &AuthEvent, session: Session) -> Option<Self> {
        let Some(handle) = session.handle.clone() else {
            tracing::warn!(
                event = event.event_type().as_str(),
                "a session event without a handle is not mirrored"
            );
            return None;
        };
        if *event.event_type() == EventType::SessionRevoked {
            return Some(Self::SessionRevoked {
                handle,
                user_id: session.user_id,
            });
        }
        let times = Version::of(event, session.updated_at);
        Some(Self::Session {
            handle,
            update: Update::of(event, AuthEvent::session_created(&session).data(), times),
            opened: Version::of(event, session.created_at),
            user_id: session.user_id,
        })
    }
}

impl fmt::Debug for MirrorChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, id): (_, &dyn fmt::Debug) = match self {
            Self::User { id, .. } => ("User", id),
            Self::UserDeleted { id } => ("UserDeleted", id),
            Self::Session { handle, .. } => ("Session", handle),
            Self::SessionRevoked { handle, .. } => ("SessionRevoked", handle),
        };
        f.debug_tuple(name).field(id).finish_non_exhaustive()
    }
}

impl Update {
    /// Takes the fields that may be kept, without secrets, and the `null`s in the event; omits the
    /// fields that the event lists as omitted.
    fn of(event: &AuthEvent, kept: &Map<String, Value>, times: Version) -> Self {
        let mut fields = kept.clone();
        for (name, value) in event.data() {
            if value.is_null() && !fields.contains_key(name) {
                fields.insert(name.clone(), Value::Null);
            }
        }
        forget_omitted(&mut fields);
        Self {
            fields,
            times,
            ulid: event.id().and_then(ulid_of),
            asserted: None,
        }
    }
}

impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

/// Returns the ULID in a message id of this crate's emitter: `msg_` and 26 characters.
fn ulid_of(id: &str) -> Option<String> {
    let ulid = ulid::Ulid::from_string(id.strip_prefix("msg_")?);
    Some(ulid.ok()?.to_string())
}

fn is_mirrored(event_type: &EventType) -> bool {
    matches!(
        event_type,
        EventType::UserCreated
            | EventType::UserUpdated
            | EventType::UserDeleted
            | EventType::UserBanned
            | EventType::UserUnbanned
            | EventType::EmailVerified
            | EventType::PasswordReset
            | EventType::TwoFactorEnabled
            | EventType::TwoFactorDisabled
            | EventType::SessionCreated
            | EventType::SessionRevoked
    )
}

/// Returns the field that an event's name asserts, whatever its data says.
fn asserted(event_type: &EventType) -> Option<(&'static str, bool)> {
    match event_type {
        EventType::UserBanned => Some(("banned", true)),
        EventType::UserUnbanned => Some(("banned", false)),
        EventType::EmailVerified => Some(("emailVerified", true)),
        EventType::TwoFactorEnabled => Some(("twoFactorEnabled", true)),
        EventType::TwoFactorDisabled => Some(("twoFactorEnabled", false)),
        _ => None,
    }
}
