//! Auth events: names, payloads and envelopes.
//!
//! # Envelopes
//!
//! Three shapes decode into one [`AuthEvent`]:
//!
//! | sender | shape |
//! |---|---|
//! | Banata, and this crate's emitter | `{"id","event","timestamp","data"}`; Banata itself sends no `id` |
//! | Standard Webhooks, Svix, Clerk | `{"type","timestamp","data"}` |
//! | Banata's SDK | `{"id","type","data","created_at"}` |
//!
//! Unknown names of events and of fields are kept and are no error. `data` is the resource itself:
//! `data.id` of a `user.created` is the user's id.
//!
//! # Times
//!
//! Written as RFC 3339 in UTC with milliseconds (`2026-11-22T00:48:01.813Z`). Read as RFC 3339
//! with any offset, or as a whole number of seconds (below 10¹¹) or milliseconds (10¹¹ and above)
//! since 1970: 10¹¹ seconds is the year 5138 and 10¹¹ milliseconds is March 1973, so that no
//! present time can be taken for the other. Fractions, negative numbers and anything after the
//! year 9999 (microseconds, nanoseconds) are refused rather than guessed at.
//!
//! # Refused
//!
//! A byte order mark, text that is not UTF-8, a key given twice at any depth (two parsers may
//! disagree on the valid one), and known fields of a wrong type. Each has its own [`DecodeError`],
//! which names the field and never quotes the payload.
//!
//! # Left out
//!
//! The emitting layer leaves out fields that no receiver accepts: a field of a wrong type, a text of
//! more than 8 KiB, and a field with such a text inside. The array `omitted` in `data` then lists
//! their names, sorted: `"omitted":["image"]`. Such a field has a value that the event does not
//! contain.

mod auth_event;
mod declare;
mod envelope;
mod error;
mod event_type;
mod filter;
#[allow(
    dead_code,
    reason = "for the layer that emits and for the mirror, which not every build has"
)]
mod fit;
#[cfg(any(test, feature = "verify"))]
mod proof;
mod resource;
mod resource_types;
mod session_handle;
pub(crate) mod time;
mod verified_webhook;

#[cfg(test)]
mod tests;

pub use self::auth_event::AuthEvent;
pub use self::error::DecodeError;
pub use self::event_type::{EventType, InvalidEventType, OtherEvent};
pub use self::filter::{EventFilter, InvalidFilter};
#[cfg(feature = "emit")]
pub(crate) use self::fit::MAX_TEXT;
#[cfg(feature = "mirror")]
pub(crate) use self::fit::forget_omitted;
#[cfg(all(test, any(feature = "emit", feature = "mirror")))]
pub(crate) use self::fit::tests::events as any_events;
pub use self::resource::Resource;
pub use self::resource_types::{ApiKey, Invitation, Member, Organization, Session, User};
pub use self::session_handle::{InvalidHandle, SessionHandle};
#[cfg(feature = "emit")]
pub(crate) use self::session_handle::{handle, handle_of};
pub use self::verified_webhook::VerifiedWebhook;
#[cfg(any(test, feature = "verify"))]
pub(crate) use self::verified_webhook::WebhookHead;
