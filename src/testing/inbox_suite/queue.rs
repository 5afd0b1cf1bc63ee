//! The messages of one source, for the [lease suite](crate::testing::lease_suite).

use super::{InboxPorts, record, store_new_at};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::InboxId;
use crate::queue::LeaseRequest;
use crate::receive::inbox::{Failure, InboxOutcome, MessageState, StoredRequest};
use crate::testing::lease_suite::{End, LeaseOf, LeasedQueue, Unit, UnitState};

impl LeasedQueue for InboxPorts {
    type Id = InboxId;
    type Work = StoredRequest;

    async fn add(&self, name: &str, now: UnixMillis) {
        store_new_at(self, name, now).await;
    }

    fn name(lease: &LeaseOf<Self>) -> &str {
        std::str::from_utf8(lease.work.body()).unwrap()
    }

    async fn lease(&self, request: LeaseRequest) -> Vec<LeaseOf<Self>> {
        self.inbox.lease(request).await.unwrap()
    }

    async fn settle(
        &self,
        lease: &LeaseOf<Self>,
        end: End,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let failure = Failure::Error;
        let outcome = match end {
            End::Done => InboxOutcome::Done,
            End::RetryAt(at) => InboxOutcome::Retry { at, failure },
            End::Failed => InboxOutcome::Failed { failure },
        };
        self.inbox.settle(lease, outcome, now).await
    }

    async fn extend(&self, lease: &LeaseOf<Self>, until: UnixMillis) -> Result<(), StoreError> {
        self.inbox.extend(lease, until).await
    }

    async fn release(&self, lease: &LeaseOf<Self>, now: UnixMillis) -> Result<(), StoreError> {
        self.inbox.release(lease, now).await
    }

    async fn next_due(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.inbox.next_due(now).await.unwrap()
    }

    async fn unit(&self, lease: &LeaseOf<Self>) -> Unit {
        let found = record(self, &lease.id).await;
        Unit {
            state: match found.state {
                MessageState::Pending => UnitState::Pending,
                MessageState::Leased => UnitState::Leased,
                MessageState::Done => UnitState::Done,
                MessageState::Failed => UnitState::Failed,
            },
            attempts: found.attempts,
            due_at: found.due_at,
            ended_at: found.ended_at,
        }
    }
}
