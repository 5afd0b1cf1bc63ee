//! The store as the layer uses it: each call has a timeout, and storing is retried.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::rejection::EmitRejection;
use crate::base::error::StoreError;
use crate::queue::Backoff;
use crate::send::outbox::{EmitError, Emitter, NewEvent};
use crate::wire::event::AuthEvent;

/// Checks that events can be stored.
pub(super) async fn ping(emitter: &Emitter) -> Result<(), StoreError> {
    timeout(STORE_TIMEOUT, emitter.ping())
        .await
        .unwrap_or_else(|late| Err(StoreError::unavailable(late)))
}

/// Stores events, all or none.
pub(super) async fn store(emitter: &Emitter, events: Vec<AuthEvent>) -> Result<(), EmitRejection> {
    let names: Vec<_> = events.iter().map(|it| it.event_type().clone()).collect();
    // Sealed once: if a try succeeded unnoticed, the next one stores the same messages.
    let stored = match emitter.seal_all(events) {
        Ok(sealed) => retry(emitter, &sealed).await.map_err(EmitError::Store),
        Err(refused) => Err(refused),
    };
    stored.map_err(|cause| EmitRejection::NotStored { names, cause })
}

async fn retry(emitter: &Emitter, sealed: &[NewEvent]) -> Result<(), StoreError> {
    let began = Instant::now();
    let mut pauses = PAUSES.take(RETRIES);
    loop {
        let stored = timeout(STORE_TIMEOUT, emitter.enqueue(sealed.to_vec())).await;
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
            Some(pause) if began.elapsed() + pause < GIVE_UP => {
                tracing::warn!(error = %failed, "events could not be stored; trying again");
                sleep(pause).await;
            }
            _ => return Err(failed),
        }
    }
}

/// Timeout of one call of the store.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// The pauses before each retry: a locked or restarting store comes back within seconds, and a
/// caller waits.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(2));
const RETRIES: usize = 4;

/// No retry begins later than this after the first try.
const GIVE_UP: Duration = Duration::from_secs(10);
