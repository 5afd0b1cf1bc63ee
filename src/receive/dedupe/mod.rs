//! Remembers handled messages: the port, its handle, and the store in memory.
//!
//! A sender delivers at least once: if a response is lost, the same message arrives again.
//! [`VerifyWebhookLayer`](super::verify::VerifyWebhookLayer) claims a message before the handler
//! runs, commits the claim when the handler has succeeded, and releases it otherwise. A message is
//! retried until it is handled once.
//!
//! ```
//! use tower_auth_sync::dedupe::MemoryDedupe;
//!
//! let dedupe = MemoryDedupe::new().dedupe("crm")?;
//! assert_eq!(dedupe.source(), "crm");
//! # Ok::<(), tower_auth_sync::dedupe::InvalidSource>(())
//! ```
//!
//! # Keys of a message
//!
//! With a key that an attacker can choose, a recorded request could pass as a new one, or a forged
//! request could suppress a real one. So the keys follow from the signed content:
//!
//! | the id is | key of | kept |
//! |---|---|---|
//! | under the signature: in the signed content (Standard Webhooks), or where the scheme points in the signed body | the message: (source, id) | 7 days |
//! | in an unsigned header, the time is signed | the message: (source, id, body) | 7 days |
//! | | the request: (source, time, body) | 15 minutes |
//! | absent, the time is signed | the message and the request: (source, time, body) | 15 minutes |
//! | unsigned or absent, and there is no time | the message: (source, body) | 7 days |
//!
//! A signed id identifies the message, whatever an unsigned header says and whatever the body
//! holds: a second body under it is the sender's mistake, and a duplicate.
//!
//! Every genuine request leaves the key of the request, with any outcome: handled, known, in
//! flight, failed, panicked or dropped. From then on, the same bytes under another id are a
//! duplicate. The response is 200, or 409 while their message is in flight. The key does not block
//! the request under its own id: a message that was not handled runs again when the sender retries
//! it with a new time. It also runs again when the very same bytes arrive again, from a proxy or a
//! sender that signs once. That loses nothing; once the message is handled, the request is a
//! duplicate.
//!
//! *source* is the [receiver's configured name](Dedupe::new), *time* the signed timestamp and
//! *body* the SHA-256 of the body. Seven days exceed the longest known schedule of retries
//! (Standard Webhooks: 75 hours) and leave time to resend by hand. Fifteen minutes are twice the
//! tolerance of five minutes, plus five minutes for clock differences; a larger tolerance raises
//! them.
//!
//! Where [tenants have their own keys](super::verify::KeyProvider), the tenant's name is part of
//! every key: a tenant can sign any id with its own secret, and must not claim another tenant's
//! message with it.
//!
//! Costs of these rules:
//!
//! - Without an id, a sender's retry has a new time and is handled again: two effects are better
//!   than none.
//! - Without a time, a replay looks like a message: two messages with the same bytes within seven
//!   days are one.
//! - An attacker who delays a request between sender and receiver can set another id in an unsigned
//!   header and deliver it first. If it is handled, the sender's retry with a new time is handled
//!   once more. If it fails, the real request gets 200. Neither works if the sender signs its ids,
//!   as this crate's emitter does;
//!   [`require_signed_id`](super::verify::VerifyWebhookLayer::require_signed_id) refuses messages
//!   without a signed id.
//! - Two messages of one second with the same body and unsigned ids are one.
//! - A full store in memory may forget a message of a scheme without time after 15 minutes.
//! - Another body under an unsigned id is a separate message: it is handled and logged.
//!
//! # When the clock is set
//!
//! A message that was handled while the clock was ahead stays known, for as much longer. A claim
//! that ends more than 120 s ahead, twice a lease, comes from such a clock and has lapsed: its
//! message is free at once. If its handler still runs, it runs beside the next one until both end;
//! one of them learns that its claim was lost.

mod handle;
mod keys;
mod memory;
mod port;
mod reply;
mod source;

#[cfg(test)]
mod tests;

pub use self::handle::Dedupe;
pub use self::keys::{DedupeKey, DedupeKeys};
pub use self::memory::MemoryDedupe;
pub use self::port::{Claimed, DedupeStore};
pub use self::reply::Reply;
pub use self::source::InvalidSource;

pub(crate) use self::keys::{Identity, Message};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
pub(crate) use self::port::latest_end;
pub(crate) use self::source::Source;
