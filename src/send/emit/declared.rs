//! Events that a handler declares itself.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Extensions, Response};

use crate::wire::event::AuthEvent;

/// A response part: tells [`SyncEmitterLayer`](super::layer::SyncEmitterLayer) that `event` happened.
///
/// Under axum return it as a part of the answer; elsewhere [`attach`](Self::attach) it. Two in one
/// answer are two events. It works on every route behind the layer, and where an answer has one the
/// layer's route rules are not asked.
///
/// Put [`SyncEmitterLayer::for_handlers`](super::layer::SyncEmitterLayer::for_handlers) on the routes that
/// declare events: on a route that the layer does not capture otherwise, a caller that hangs up
/// cancels the handler, maybe after its change and before its answer.
///
/// An event that no layer took from its response is logged as an error when the response is dropped.
///
/// # Security
///
/// The event travels as it is. The typed constructors of [`AuthEvent`] leave a session's token, a
/// password and an API key out; what you put into the fields beside them is yours to judge.
#[expect(clippy::exhaustive_structs, reason = "users write its constructor")]
#[must_use = "an event that is not part of a response does not happen"]
#[derive(Clone, Debug)]
pub struct Emit(pub AuthEvent);

impl Emit {
    /// Puts the event into a response.
    pub fn attach<B>(self, response: &mut Response<B>) {
        self.attach_to(response.extensions_mut());
    }

    pub(super) fn attach_to(self, extensions: &mut Extensions) {
        extensions
            .get_or_insert_default::<Declared>()
            .with(|events| events.push(self.0));
    }
}

/// The events of one response. Extensions are cloned with their response, and then share them: each
/// is taken once.
#[derive(Clone, Default)]
pub(super) struct Declared(Arc<Queue>);

impl Declared {
    /// Takes the events of a response; `None` if none was declared.
    pub(super) fn take(extensions: &mut Extensions) -> Option<Vec<AuthEvent>> {
        let declared = extensions.remove::<Self>()?;
        Some(declared.with(std::mem::take))
    }

    fn with<T>(&self, use_events: impl FnOnce(&mut Vec<AuthEvent>) -> T) -> T {
        use_events(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Default)]
struct Queue(Mutex<Vec<AuthEvent>>);

impl Drop for Queue {
    fn drop(&mut self) {
        let events = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            tracing::error!(
                event = %event.event_type(),
                "an event was declared with `Emit`, but no `SyncEmitterLayer` took it: it is lost"
            );
        }
    }
}

impl fmt::Debug for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Declared").finish_non_exhaustive()
    }
}
