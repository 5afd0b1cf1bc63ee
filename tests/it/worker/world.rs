//! A store with a clock, an emitter and workers around it.

use std::time::Duration;

use tower_auth_sync::clock::{Clock, UnixTime};
use tower_auth_sync::egress::{EgressPolicy, Network};
use tower_auth_sync::event::{AuthEvent, EventType};
use tower_auth_sync::id::{EndpointId, MessageId};
use tower_auth_sync::outbox::{
    Attempt, Deliveries, Delivery, Emitter, Endpoints, MemoryOutbox, NewEndpoint, Outbox,
};
use tower_auth_sync::scheme::Scheme;
use tower_auth_sync::signature::Verifier;
use tower_auth_sync::testing::{ManualClock, SeededEntropy};
use tower_auth_sync::worker::{DeliverySummary, Worker, WorkerBuilder};

use super::receiver::Call;

pub(crate) const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";

pub(crate) struct World<S> {
    pub(crate) clock: ManualClock,
    pub(crate) store: S,
    emitter: Emitter,
}

impl World<MemoryOutbox> {
    pub(crate) fn new() -> Self {
        Self::around(MemoryOutbox::new())
    }
}

impl<S> World<S>
where
    for<'s> &'s S: Into<Outbox> + Into<Endpoints> + Into<Deliveries>,
{
    pub(crate) fn around(store: S) -> Self {
        let clock = ManualClock::at(UnixTime::from_secs(1_700_000_000));
        let emitter = Emitter::new(&store).with_clock(clock.clone());
        Self {
            clock,
            store,
            emitter,
        }
    }

    pub(crate) async fn endpoint(&self, url: &str) -> EndpointId {
        let endpoint = NewEndpoint::new_with(url, Scheme::banata(), SECRET, &local()).unwrap();
        let endpoints: Endpoints = (&self.store).into();
        let created = endpoints.create(endpoint).await;
        created.unwrap().endpoint().id.clone()
    }

    pub(crate) async fn emit(&self) -> MessageId {
        self.emit_data("id", "usr_1").await
    }

    pub(crate) async fn emit_data(&self, name: &str, value: &str) -> MessageId {
        let mut data = serde_json::Map::new();
        data.insert("id".into(), "usr_1".into());
        data.insert(name.into(), value.into());
        let event = AuthEvent::new(EventType::UserCreated, data);
        self.emitter.emit(event).await.unwrap()
    }

    /// A worker that may call loopback addresses.
    pub(crate) fn worker(&self) -> WorkerBuilder {
        Worker::builder(&self.store)
            .egress(local())
            .clock(self.clock.clone())
            .entropy(SeededEntropy::new(7))
    }

    pub(crate) async fn deliver_due(&self) -> DeliverySummary {
        self.worker().build().unwrap().deliver_due().await.unwrap()
    }

    /// The only delivery of the event.
    pub(crate) async fn delivery(&self, event: &MessageId) -> Delivery {
        let mut deliveries = self.log().of_event(event).await.unwrap();
        assert_eq!(deliveries.len(), 1);
        deliveries.remove(0)
    }

    pub(crate) async fn attempts(&self, event: &MessageId) -> Vec<Attempt> {
        let delivery = self.delivery(event).await;
        self.log().attempts(&delivery.id).await.unwrap()
    }

    fn log(&self) -> Deliveries {
        (&self.store).into()
    }

    /// How long the event's delivery still has to wait.
    pub(crate) async fn wait(&self, event: &MessageId) -> Duration {
        let due_at = self.delivery(event).await.due_at.unwrap();
        due_at.saturating_since(self.clock.now())
    }

    /// Checks the signature as a receiver does, at this time.
    pub(crate) fn assert_genuine(&self, call: &Call) {
        let verifier = Verifier::builder(Scheme::banata())
            .clock(self.clock.clone())
            .secret(SECRET)
            .unwrap()
            .build()
            .unwrap();
        verifier.verify(&call.headers, &call.body).unwrap();
    }
}

pub(crate) fn local() -> EgressPolicy {
    EgressPolicy::allow(Network::LOOPBACK)
}
