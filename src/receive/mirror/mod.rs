//! A projection of users and sessions that never goes backwards.
//!
//! [`Mirror`] keeps a copy of the users and sessions in signed events, in a [`MirrorStore`]:
//! ordinary tables that an application may join with its own. Events may arrive twice, late, or in
//! any order; the copy ends up the same.
//!
//! ```
//! use tower_auth_sync::event::AuthEvent;
//! use tower_auth_sync::mirror::{MemoryMirror, Mirror};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mirror = Mirror::new(MemoryMirror::new());
//! let event = AuthEvent::from_slice(
//!     br#"{"event":"user.created","timestamp":"2025-01-15T10:30:00.000Z",
//!          "data":{"id":"usr_1","email":"ada@example.com"}}"#,
//! )?;
//! mirror.apply(&event).await?;
//! let user = mirror.user("usr_1").await?.expect("it was just created");
//! assert_eq!(user.email.as_deref(), Some("ada@example.com"));
//! # Ok(())
//! # }
//! ```
//!
//! As a receiver's handler it is a service: [`Mirror::service`] behind `VerifyWebhookLayer`.
//!
//! # Rules
//!
//! 1. **Each field advances by itself.** A field takes a value only from an event newer than the
//!    one that set it. A late event fills in the fields that no newer one has set: a `user.updated`
//!    that overtakes its `user.created` creates the row, and the `user.created` completes it. A
//!    `null` field in an event clears the field; an absent one keeps it.
//! 2. **One clock at a time decides what is newer.** The auth server writes `updatedAt`, the sender
//!    writes the time of the event, and their clocks may differ. Events with an `updatedAt` compare
//!    by it, and by their times if it is equal; events without compare by their times. Between the
//!    two kinds, the event with an `updatedAt` counts only if both of its times are later than the
//!    time of the other: a late snapshot may be an old one. An event with neither time is the
//!    oldest of all: it fills in fields and overwrites none. If these times are equal, the
//!    message's id in the payload decides: a ULID after `msg_`, as this crate's emitter makes it,
//!    compares by its own time and then by the order in which one emitter made it. An event with
//!    another id, or none, is older than one with such an id; of two of these the greater value
//!    counts, as text.
//! 3. **The event's name outranks its data** in its own statement: `user.banned` means `banned`,
//!    `email.verified` means `emailVerified`, `two_factor.enabled` means `twoFactorEnabled`,
//!    whatever a snapshot from a moment earlier says. The statement has the time of the event, and
//!    a snapshot outranks it only as in rule 2. So neither a wrong clock nor an old snapshot alone
//!    undoes a ban (both together do, if the ban has no `updatedAt`). The price: if the sender's
//!    clock is two seconds ahead, a snapshot from within two seconds of a statement does not count
//!    yet; the next event does. Of two opposite statements of one millisecond the one emitted later
//!    counts, by rule 2, and `true` if the ids do not decide.
//! 4. **A deletion is final.** `user.deleted` removes the user and its sessions and leaves their
//!    ids as tombstones. Any later event for that user, including `session.created`, changes
//!    nothing. The same holds for a session after `session.revoked`. A session belongs to the user
//!    in the first event about it. An event with another user changes nothing about it, as a token
//!    never changes hands. A revocation before its session is kept with its user.
//! 5. **A ban ends the sessions opened before it**, including those that arrive later, as in Better
//!    Auth. Each clock decides by itself: a session has ended if its `createdAt` is not after the
//!    ban's `updatedAt`, or its event not after the ban's event. Sessions opened after it (and so
//!    after an unban) live, whatever the clock difference. A ban without `updatedAt` misses a
//!    session that was opened just before it and reported just after it; its user is still shown as
//!    banned. `password.reset` ends no session: a sender that revokes sessions with it also sends
//!    `session.revoked`.
//! 6. **A [`SessionHandle`](crate::wire::event::SessionHandle) identifies a session**, never its
//!    token. The mirror ignores an event of a session without a handle (and without a token from
//!    which to compute it).
//! 7. A session whose `expiresAt` has passed stays until it is revoked: compare the column with the
//!    time.
//!
//! The sender leaves out the fields that an event lists in `omitted`: the mirror keeps their known
//! values.
//!
//! The order of arrival counts only where a sender contradicts itself: two events give one session
//! two users, or a session without a user is revoked for a wrong user.
//!
//! Tombstones hold an id and no personal data. They are permanent: a reused id would otherwise be a
//! hole for old messages. Only tombstones of sessions that were never seen end, after [the longest
//! session](Mirror::with_longest_session), so that they do not grow forever.

mod change;
mod field;
mod field_set;
mod handle;
mod memory;
mod port;
mod prefix;
mod row;
mod service;
mod version;

#[cfg(test)]
mod tests;

pub use self::change::{MirrorChange, Update};
pub use self::field_set::{FieldSet, InvalidFieldSet};
pub use self::handle::{Mirror, MirrorError};
pub use self::memory::MemoryMirror;
pub use self::port::{Applied, MirrorStore};
pub use self::prefix::{InvalidPrefix, TablePrefix};
pub use self::row::{SessionRow, UserRow};
pub use self::service::{MirrorService, ResponseFuture};
pub use self::version::Version;
