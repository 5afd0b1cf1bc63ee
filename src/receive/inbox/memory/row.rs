//! One message in the memory store.

use crate::base::clock::UnixMillis;
use crate::base::id::InboxId;
use crate::queue::{Stage, WorkState};
use crate::receive::dedupe::DedupeKeys;
use crate::receive::inbox::entry::{Failure, InboxEntry, MessageState};
use crate::receive::inbox::request::StoredRequest;

pub(super) struct InboxRow {
    pub(super) id: InboxId,
    pub(super) source: Box<str>,
    pub(super) keys: DedupeKeys,
    /// `None` once the message is done.
    pub(super) request: Option<StoredRequest>,
    pub(super) work: WorkState,
    pub(super) received_at: UnixMillis,
    /// `None` if the message is done.
    pub(super) failure: Option<Failure>,
}

impl InboxRow {
    pub(super) const fn state(&self) -> MessageState {
        match (self.work.stage(), self.failure) {
            (Stage::Pending { .. }, _) => MessageState::Pending,
            (Stage::Leased { .. }, _) => MessageState::Leased,
            (Stage::Finished { .. }, None) => MessageState::Done,
            (Stage::Finished { .. }, Some(_)) => MessageState::Failed,
        }
    }

    /// Returns the bytes of the request.
    pub(super) fn size(&self) -> usize {
        self.request.as_ref().map_or(0, size)
    }

    pub(super) fn entry(&self) -> InboxEntry {
        let request = self.request.as_ref();
        InboxEntry {
            id: self.id.clone(),
            message_id: request.and_then(StoredRequest::message_id),
            state: self.state(),
            attempts: self.work.attempts(),
            due_at: self.work.due_at(),
            received_at: self.received_at,
            ended_at: self.work.ended_at(),
            failure: self.failure,
        }
    }
}

pub(super) fn size(request: &StoredRequest) -> usize {
    request.head().len() + request.body().len()
}
