//! Which messages were handled already: the port, its handle, and the store in memory.
//!
//! A sender delivers at least once, so the same message arrives again whenever an answer got lost.
//! [`VerifyWebhookLayer`](crate::verify::VerifyWebhookLayer) claims a message before the handler
//! runs, commits the claim when the handler has succeeded and releases it otherwise: a message is
//! handled until it has been handled once.
//!
//! # What a message is known by
//!
//! A key that an attacker can choose would let a recorded request pass as a new one, or a forged
//! one silence a real one. So the keys follow from what the signature covers:
//!
//! | the id is | keys | kept |
//! |---|---|---|
//! | in the signed content (Standard Webhooks), or the one in the signed body (`banata_sdk`) | (source, id) | 7 days |
//! | in an unsigned header and, the same, in the signed body (our own emitter) | (source, id) and (source, time, body), without a time (source, body) | 7 days |
//! | in an unsigned header only | (source, id, body) and (source, time, body) | 7 days |
//! | absent, the time is signed | (source, time, body) | 15 minutes |
//! | unsigned or absent, and there is no time | (source, body) | 7 days |
//!
//! *source* is the [receiver's configured name](Dedupe::new), *time* the signed timestamp and *body*
//! the body's SHA-256. Seven days outlast the longest schedule of retries known (Standard Webhooks:
//! 75 hours) and a manual resend. Fifteen minutes are twice the tolerance of five minutes and as
//! much again for clocks that differ; a larger tolerance makes them more.
//!
//! Where [tenants have keys of their own](crate::verify::KeyProvider), the tenant's name is part of
//! every key: with its own secret a tenant can sign any id, and must not claim another's by it.
//!
//! What the rows cost:
//!
//! - Without an id a sender's retry carries a new time and is handled again: two effects are better
//!   than none.
//! - Without a time nothing else tells a replay from a message: two messages with the same bytes
//!   within seven days are one.
//! - Whoever stands between sender and receiver can put another id into an unsigned header, see the
//!   message handled under it, and have the sender's retry, with a new time, handled once more.
//!   [`require_signed_id`](crate::verify::VerifyWebhookLayer::require_signed_id) refuses that where the
//!   sender signs its ids, as our own emitter does.
//! - A store in memory that is full may forget a message of a scheme without time after 15 minutes.
//! - Another body under an authentic id is the sender's mistake: answered as a duplicate, and
//!   logged. Another body under an unsigned id is a message of its own: handled, and logged.

mod fingerprint;
mod handle;
mod memory;
mod port;
mod ticket;

pub use self::handle::{Dedupe, InvalidSource};
pub use self::memory::MemoryDedupe;
pub use self::port::{Claimed, DedupeStore};
pub use self::ticket::{Key, Ticket};

pub(crate) use self::handle::Reply;
#[cfg(feature = "inbox")]
pub(crate) use self::handle::check_source;
#[cfg(feature = "inbox")]
pub(crate) use self::ticket::Namer;
pub(crate) use self::ticket::{Identity, Message};
