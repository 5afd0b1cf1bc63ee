//! Remembers handled messages: the port, its handle, and the store in memory.
//!
//! A sender delivers at least once. [`VerifyWebhookLayer`](super::verify::VerifyWebhookLayer) claims
//! a message before the handler runs, commits the claim when the handler has succeeded, and releases
//! it otherwise. Keys follow from the [source](Dedupe::new), the
//! [tenant](super::verify::KeyProvider) and as much signed content as there is:
//!
//! | scheme | key of the message | kept | key of the request, 15 min |
//! |---|---|---|---|
//! | Standard Webhooks, Svix, Clerk: id in the signed content | id | 7 days | |
//! | Banata, `banata_sdk`, Stripe, WorkOS, Slack: id in the signed body | id | 7 days | |
//! | the same with an id in a header alone | id, body | 7 days | time, body |
//! | the same without an id, such as a command of Slack | time, body | 15 min | time, body |
//! | GitHub, Shopify: neither id nor time is signed | body | 7 days | |
//!
//! - Another body under a signed id is a duplicate. Under an unsigned id it is handled and logged.
//! - Any genuine request leaves its request's key, even if the handler fails. The same bytes under
//!   another id are then a duplicate (200, or 409 while the first is in flight); under their own id
//!   they run until they are handled.
//! - Without an id, a sender's retry has a new time and is handled again.
//! - Without a time, two messages with the same bytes within seven days are one.
//! - Two messages of one second with the same body and unsigned ids are one.
//! - An attacker on the way can deliver a request first under another unsigned id. If that is
//!   handled, the sender's retry is handled again; if it fails, the sender's request gets 200.
//!   [`require_signed_id`](super::verify::VerifyWebhookLayer::require_signed_id) rules this out.
//! - A tolerance above five minutes raises the 15 minutes. Once they have passed, a full store in
//!   memory may forget a message.
//! - A message that was handled while the clock was ahead stays known for as much longer. A claim
//!   that ends more than 120 s ahead has lapsed: its message may then run twice at once.

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

pub(crate) use self::keys::{Identity, Message, RETENTION};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
pub(crate) use self::port::latest_end;
pub(crate) use self::source::Source;
