//! A projection of users and sessions that cannot go backwards.
//!
//! [`Mirror`] keeps a copy of the users and sessions that signed events apply of, in a
//! [`MirrorStore`]: ordinary tables that an application may join with its own. Events may come
//! twice, late, or in any order; the copy ends up the same.
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
//! 1. **Each field goes forward by itself.** A field takes a value only from a newer event than the
//!    one that it has. A late event fills in what no newer one told, so that a `user.updated` that
//!    overtakes its `user.created` makes the row, and the `user.created` completes it. A field that
//!    is `null` in an event is cleared; one that is absent is kept.
//! 2. **Newer is judged by one clock at a time.** The auth server writes `updatedAt`, the sender
//!    gives the event its time, and their clocks may differ. Events with an `updatedAt` go by it, of
//!    one `updatedAt` by their times; events without go by their times. Between the two kinds, the
//!    one with an `updatedAt` counts only if both of its times are later than the other's time: a
//!    snapshot told late may have been taken early. An event with neither time is the oldest of
//!    all: it fills in, and overwrites nothing. Where these times are equal, the message's id in the
//!    payload decides: a ULID after `msg_`, as this crate's emitter makes it, goes by its own time
//!    and then by the order in which one emitter made it. An event with another id, or none, is
//!    older than one with such an id; of two of these the greater value counts, as text.
//! 3. **The event's name outranks its data** in what it states: `user.banned` means `banned`,
//!    `email.verified` means `emailVerified`, `two_factor.enabled` means `twoFactorEnabled`,
//!    whatever a snapshot taken a moment earlier says. The statement goes by the event's time, and a
//!    snapshot beats it only as in rule 2. So neither a wrong clock nor an old snapshot undoes a
//!    ban (both at once do, if the ban came without `updatedAt`). The price: if the sender's clock is
//!    two seconds ahead, a snapshot of what changed within two seconds of a statement does not count
//!    yet; the next event does. Of two opposite statements of one millisecond the one
//!    emitted later counts, by rule 2, and `true` where the ids do not apply.
//! 4. **What is deleted stays dead.** `user.deleted` removes the user and its sessions and leaves
//!    their ids as tombstones; whatever else comes for that user, a `session.created` too, changes
//!    nothing. So it is with a session after `session.revoked`. A session is the user's that the
//!    first event about it names; an event that names another user changes nothing about it, as a
//!    token never changes hands. A revocation that comes before its session is remembered with the
//!    user that it names.
//! 5. **A ban ends the sessions that were opened before it**, those that are not here yet included,
//!    as it does in Better Auth. Here too each clock judges by itself: a session is over if its
//!    `createdAt` is not after the ban's `updatedAt`, or its event not after the ban's event.
//!    Sessions opened after it (and so after the user was unbanned) live, however far the clocks
//!    are apart. A ban sent without `updatedAt` misses a session that was opened just before it and
//!    told just after it; its user is shown as banned all the same. `password.reset` ends none:
//!    where the sender revokes sessions with it, it says so by `session.revoked`.
//! 6. **Sessions are named by their [`SessionHandle`](crate::wire::event::SessionHandle)**, never by
//!    their token. An event of a session without a handle (and without a token to compute it from)
//!    is not mirrored.
//! 7. A session whose `expiresAt` has passed stays until it is revoked: compare the column with
//!    the time.
//!
//! A field that an event names in `omitted` was left out by the sender: what was known of it stays.
//!
//! The order of arrival counts only where a sender contradicts itself: it names two users of one
//! session, or it tells a session without a user and revokes it as one of a wrong user.
//!
//! Tombstones hold an id and nothing of the person. They are kept for good: an id that came back
//! would otherwise be a hole for old messages. Only those of sessions that were never seen end, after
//! [the longest session](Mirror::with_longest_session), so that they do not grow for ever.

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
