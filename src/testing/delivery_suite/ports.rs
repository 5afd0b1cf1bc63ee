//! The handles that the suites test.

use std::ops::Deref;

use super::message;
use crate::base::clock::UnixMillis;
use crate::base::id::EndpointId;
use crate::send::outbox::{Deliveries, Delivery, Endpoint, Endpoints, NewEndpoint, Outbox};
use crate::testing::clock::ManualClock;

/// The handles of one store; an [`Outbox`] by itself.
#[derive(Clone, Debug)]
pub struct OutboxPorts {
    pub(super) outbox: Outbox,
    pub(super) endpoints: Endpoints,
    pub(super) deliveries: Deliveries,
}

impl OutboxPorts {
    /// Takes the handles of one store.
    #[must_use]
    pub const fn new(outbox: Outbox, endpoints: Endpoints, deliveries: Deliveries) -> Self {
        Self {
            outbox,
            endpoints,
            deliveries,
        }
    }

    /// Makes the handles of a store.
    pub fn of<S>(store: &S) -> Self
    where
        for<'s> &'s S: Into<Outbox> + Into<Endpoints> + Into<Deliveries>,
    {
        Self::new(store.into(), store.into(), store.into())
    }
}

impl From<&OutboxPorts> for Outbox {
    fn from(ports: &OutboxPorts) -> Self {
        ports.outbox.clone()
    }
}

impl From<&OutboxPorts> for Endpoints {
    fn from(ports: &OutboxPorts) -> Self {
        ports.endpoints.clone()
    }
}

impl From<&OutboxPorts> for Deliveries {
    fn from(ports: &OutboxPorts) -> Self {
        ports.deliveries.clone()
    }
}

impl Deref for OutboxPorts {
    type Target = Outbox;

    fn deref(&self) -> &Outbox {
        &self.outbox
    }
}

impl OutboxPorts {
    pub(super) fn endpoints_at(&self, now: UnixMillis) -> Endpoints {
        self.endpoints.clone().with_clock(ManualClock::at(now))
    }

    pub(super) async fn create(&self, new: NewEndpoint, now: UnixMillis) -> Endpoint {
        let created = self.endpoints_at(now).create(new).await;
        created.unwrap().into_endpoint()
    }

    pub(super) async fn disable(&self, id: &EndpointId, now: UnixMillis) -> Option<Endpoint> {
        self.endpoints_at(now).disable(id).await.unwrap()
    }

    pub(super) async fn of_event(&self, event: &str) -> Vec<Delivery> {
        self.deliveries.of_event(&message(event)).await.unwrap()
    }
}
