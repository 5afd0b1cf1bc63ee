//! Which messages were handled already: the port, its handle, and the store in memory.
//!
//! A sender delivers at least once, so the same message arrives again whenever an answer got lost.
//! [`VerifyWebhookLayer`](super::verify::VerifyWebhookLayer) claims a message before the handler
//! runs, commits the claim when the handler has succeeded and releases it otherwise: a message is
//! handled until it has been handled once.
//!
//! # What a message is known by
//!
//! A key that an attacker can choose would let a recorded request pass as a new one, or a forged
//! one silence a real one. So the keys follow from what the signature covers:
//!
//! | the id is | names | kept |
//! |---|---|---|
//! | under the signature: in the signed content (Standard Webhooks), or where the scheme points in the signed body | the message: (source, id) | 7 days |
//! | in an unsigned header, the time is signed | the message: (source, id, body) | 7 days |
//! | | the request: (source, time, body) | 15 minutes |
//! | absent, the time is signed | the message and the request: (source, time, body) | 15 minutes |
//! | unsigned or absent, and there is no time | the message: (source, body) | 7 days |
//!
//! A signed id names the message, whatever an unsigned header says beside it and whatever else the
//! body holds: a second body under it is the sender's mistake, and a duplicate.
//!
//! Every genuine request leaves the name of the request, whatever became of it: it was handled, or
//! known, or its message was in flight, or the handler failed, panicked or was dropped. The same bytes
//! under another id are a duplicate from then on. They are answered 200, and 409 while their message
//! is in flight. Under its own id the request is not blocked by it: a message that was not handled
//! runs again when the sender retries it with a new time, and also when the very same bytes come
//! again, because a proxy or a sender that signs once sent them a second time. That loses nothing, and
//! once the message was handled it is a duplicate.
//!
//! *source* is the [receiver's configured name](Dedupe::new), *time* the signed timestamp and *body*
//! the body's SHA-256. Seven days outlast the longest schedule of retries known (Standard Webhooks:
//! 75 hours) and a manual resend. Fifteen minutes are twice the tolerance of five minutes and as
//! much again for clocks that differ; a larger tolerance makes them more.
//!
//! Where [tenants have keys of their own](super::verify::KeyProvider), the tenant's name is part of
//! every key: with its own secret a tenant can sign any id, and must not claim another's by it.
//!
//! What the rows cost:
//!
//! - Without an id a sender's retry carries a new time and is handled again: two effects are better
//!   than none.
//! - Without a time nothing else tells a replay from a message: two messages with the same bytes
//!   within seven days are one.
//! - Whoever can hold a request back, between sender and receiver, can put another id into an unsigned
//!   header and deliver it first: if it is handled, the sender's retry, with a new time, is handled once
//!   more; if it fails, the real request is answered 200. Where the sender signs its ids, as our own
//!   emitter does, neither works, and
//!   [`require_signed_id`](super::verify::VerifyWebhookLayer::require_signed_id) refuses what has none.
//! - Two messages of one second with the same body and unsigned ids are one.
//! - A store in memory that is full may forget a message of a scheme without time after 15 minutes.
//! - Another body under an unsigned id is a message of its own: handled, and logged.
//!
//! # When the clock is set
//!
//! What was handled while the clock was ahead stays known, for as much longer. A claim that ends more
//! than 120 s ahead, twice a lease, was made by such a clock and has lapsed: its message can be handled
//! at once. If its handler still runs, it runs beside the next one until both end, and one of them is
//! told that its claim was lost.

mod handle;
mod keys;
mod memory;
mod port;

#[cfg(test)]
mod tests;

pub use self::handle::{Dedupe, InvalidSource};
pub use self::keys::{DedupeKey, DedupeKeys};
pub use self::memory::MemoryDedupe;
pub use self::port::{Claimed, DedupeStore};

pub(crate) use self::handle::Reply;
pub(crate) use self::handle::check_source;
pub(crate) use self::keys::KeyDeriver;
pub(crate) use self::keys::{Identity, Message};
#[cfg(any(feature = "_ports", feature = "redis"))]
pub(crate) use self::port::latest_end;
