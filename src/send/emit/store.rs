//! The store as the layer uses it: no call waits for ever, and storing is tried again.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::rejection::EventsLost;
use crate::base::error::StoreError;
use crate::send::outbox::{EmitError, Emitter, NewEvent};
use crate::wire::event::AuthEvent;

/// How long one call of the store may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// The pauses before the second and each later try: a locked or restarting store comes back within
/// seconds, and a caller waits.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// No try begins later than this after the first.
const GIVE_UP: Duration = Duration::from_secs(10);

/// Finds out whether events can be stored.
pub(super) async fn ping(emitter: &Emitter) -> Result<(), StoreError> {
    timeout(DEADLINE, emitter.ping())
        .await
        .unwrap_or_else(|late| Err(StoreError::unavailable(late)))
}

/// Stores events, all or none.
pub(super) async fn store(emitter: &Emitter, events: Vec<AuthEvent>) -> Result<(), EventsLost> {
    let names: Vec<_> = events.iter().map(|it| it.event_type().clone()).collect();
    // Sealed once: a try that came through unnoticed and the next one store the same messages.
    let stored = match emitter.seal_all(events) {
        Ok(sealed) => try_again(emitter, &sealed).await.map_err(EmitError::Store),
        Err(refused) => Err(refused),
    };
    stored.map_err(|cause| EventsLost::Store { names, cause })
}

async fn try_again(emitter: &Emitter, sealed: &[NewEvent]) -> Result<(), StoreError> {
    let began = Instant::now();
    let mut pauses = PAUSES.iter();
    loop {
        let stored = timeout(DEADLINE, emitter.enqueue(sealed.to_vec())).await;
        let failed = match stored.unwrap_or_else(|late| Err(StoreError::unavailable(late))) {
            Ok(ids) => {
                for (event, id) in sealed.iter().zip(&ids) {
                    let event = event.event_type.as_str();
                    tracing::debug!(event, %id, "stored an auth event");
                }
                return Ok(());
            }
            Err(failed) => failed,
        };
        match pauses.next() {
            Some(pause) if began.elapsed() + *pause < GIVE_UP => {
                tracing::warn!(error = %failed, "events could not be stored; trying again");
                sleep(*pause).await;
            }
            _ => return Err(failed),
        }
    }
}
