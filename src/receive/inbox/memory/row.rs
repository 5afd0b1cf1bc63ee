//! One message as the memory store keeps it.

use crate::base::clock::UnixMillis;
use crate::base::id::InboxId;
use crate::receive::dedupe::{DedupeKey, DedupeKeys};
use crate::receive::inbox::entry::{Failure, InboxEntry, MessageState};
use crate::receive::inbox::request::StoredRequest;

pub(super) struct InboxRow {
    pub(super) id: InboxId,
    pub(super) source: Box<str>,
    pub(super) keys: DedupeKeys,
    /// Of later requests with it.
    pub(super) replay_keys: Vec<DedupeKey>,
    /// Gone once it is done.
    pub(super) request: Option<StoredRequest>,
    pub(super) state: MessageState,
    pub(super) due_at: Option<UnixMillis>,
    pub(super) attempts: u32,
    pub(super) token: u64,
    pub(super) received_at: UnixMillis,
    pub(super) ended_at: Option<UnixMillis>,
    pub(super) failure: Option<Failure>,
}

impl InboxRow {
    /// Returns whether it is finished for so long that its names are free.
    pub(super) fn is_forgotten(&self, now: UnixMillis) -> bool {
        let keep = self.keys.retention();
        self.ended_at
            .is_some_and(|at| at.saturating_add(keep) <= now)
    }

    pub(super) fn record(&self) -> InboxEntry {
        let request = self.request.as_ref();
        InboxEntry {
            id: self.id.clone(),
            message_id: request.and_then(StoredRequest::message_id),
            state: self.state,
            attempts: self.attempts,
            due_at: self.due_at,
            received_at: self.received_at,
            ended_at: self.ended_at,
            failure: self.failure,
        }
    }
}
