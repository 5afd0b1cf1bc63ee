//! One message in the memory store.

use crate::base::clock::UnixMillis;
use crate::base::id::InboxId;
use crate::receive::dedupe::{DedupeKey, DedupeKeys};
use crate::receive::inbox::entry::{Failure, InboxEntry, MessageState};
use crate::receive::inbox::request::StoredRequest;

pub(super) struct InboxRow {
    pub(super) id: InboxId,
    pub(super) source: Box<str>,
    pub(super) keys: DedupeKeys,
    /// Replay keys of later requests with the same key.
    pub(super) replay_keys: Vec<DedupeKey>,
    /// `None` once the message is done.
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
    /// Returns whether the message finished so long ago that its keys are free.
    pub(super) fn is_expired(&self, now: UnixMillis) -> bool {
        let retention = self.keys.retention();
        self.ended_at
            .is_some_and(|at| at.saturating_add(retention) <= now)
    }

    pub(super) fn entry(&self) -> InboxEntry {
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
