//! Messages to store, and leases.

use super::entry::Failure;
use super::request::StoredRequest;
use crate::base::clock::UnixMillis;
use crate::base::id::InboxId;
use crate::queue::Lease;
use crate::receive::dedupe::DedupeKeys;

/// A verified message to store.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Id in the inbox.
    pub id: InboxId,
    /// Source: the receiver's configured name.
    pub source: Box<str>,
    /// Keys of the message. It claims [`key`](DedupeKeys::key) and
    /// [`replay_key`](DedupeKeys::replay_key); [`id_key`](DedupeKeys::id_key) serves the report.
    /// The token has no meaning here: nothing settles the claim of a stored message.
    pub keys: DedupeKeys,
    /// Request for the handler.
    pub request: StoredRequest,
}

/// Lease of one message.
pub type InboxLease = Lease<InboxId, StoredRequest>;

/// Outcome of a run of the handler.
#[expect(
    clippy::exhaustive_enums,
    reason = "a store must decide on each; a new one is a new contract"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InboxOutcome {
    /// The handler succeeded: the message is finished, and the store erases its request.
    Done,
    /// The run failed; the message waits for the next one.
    Retry {
        /// Due time of the next run.
        at: UnixMillis,
        /// Reason of the failure.
        failure: Failure,
    },
    /// The last run failed: the message is finished, and the store keeps its request.
    Failed {
        /// Reason of the failure.
        failure: Failure,
    },
}

impl NewMessage {
    /// Creates a message that the receiver `source` verified.
    #[must_use]
    pub const fn new(
        id: InboxId,
        source: Box<str>,
        keys: DedupeKeys,
        request: StoredRequest,
    ) -> Self {
        Self {
            id,
            source,
            keys,
            request,
        }
    }
}
