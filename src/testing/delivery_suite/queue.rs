//! The deliveries of one endpoint, for the [lease suite](crate::testing::lease_suite).

use super::{OutboxPorts, endpoint, event, limit, report};
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::DeliveryId;
use crate::queue::LeaseRequest;
use crate::send::outbox::{DeliveryState, DeliveryWork, OutboxStore as _, Outcome, Settlement};
use crate::testing::lease_suite::{End, LeaseOf, LeasedQueue, Unit, UnitState};

impl LeasedQueue for OutboxPorts {
    type Id = DeliveryId;
    type Work = DeliveryWork;

    async fn add(&self, name: &str, now: UnixMillis) {
        if self.endpoints.list().await.unwrap().is_empty() {
            endpoint(self, "one").await;
        }
        self.enqueue(vec![event(name)], now).await.unwrap();
    }

    fn name(lease: &LeaseOf<Self>) -> &str {
        lease.work.event.as_str()
    }

    async fn lease(&self, request: LeaseRequest) -> Vec<LeaseOf<Self>> {
        self.outbox.lease(limit(100), request).await.unwrap()
    }

    async fn settle(
        &self,
        lease: &LeaseOf<Self>,
        end: End,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let (status, outcome) = match end {
            End::Done => (204, Outcome::Delivered),
            End::RetryAt(at) => (500, Outcome::Retry { at }),
            End::Failed => (500, Outcome::Exhausted),
        };
        let settlement = Settlement::new(report(0, status), outcome);
        self.outbox.settle(lease, settlement, now).await.map(drop)
    }

    async fn extend(&self, lease: &LeaseOf<Self>, until: UnixMillis) -> Result<(), StoreError> {
        self.outbox.extend(lease, until).await
    }

    async fn release(&self, lease: &LeaseOf<Self>, now: UnixMillis) -> Result<(), StoreError> {
        self.outbox.release(lease, now).await
    }

    async fn next_due(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.outbox.next_due(limit(100), now).await.unwrap()
    }

    async fn unit(&self, lease: &LeaseOf<Self>) -> Unit {
        let found = super::delivery(self, Self::name(lease)).await;
        Unit {
            state: match found.state {
                DeliveryState::Pending => UnitState::Pending,
                DeliveryState::Leased => UnitState::Leased,
                DeliveryState::Delivered => UnitState::Done,
                DeliveryState::Failed => UnitState::Failed,
                other => panic!("no case skips or cancels a delivery: {other}"),
            },
            attempts: found.attempts,
            due_at: found.due_at,
            ended_at: found.ended_at,
        }
    }
}
