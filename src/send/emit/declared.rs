//! Events that a handler declares.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Extensions, Response};

use crate::wire::event::AuthEvent;

/// A response part: declares an event to [`SyncEmitterLayer`](super::layer::SyncEmitterLayer).
///
/// Under axum return it as a part of the response; elsewhere [`attach`](Self::attach) it. Two in one
/// response are two events. It works on every route behind the layer, and where a response has one,
/// the layer does not ask its route rules.
///
/// ```
/// use http::Response;
/// use tower_auth_sync::emit::Emit;
/// use tower_auth_sync::event::{AuthEvent, User};
///
/// let created = Emit(AuthEvent::user_created(&User::new("usr_1")));
/// let mut response = Response::new("created");
/// created.attach(&mut response);
/// ```
///
/// Put [`SyncEmitterLayer::for_handlers`](super::layer::SyncEmitterLayer::for_handlers) on the routes that
/// declare events: on a route that the layer does not capture otherwise, a caller that hangs up
/// cancels the handler, maybe after its change and before its response.
///
/// If no layer takes an event from its response, dropping the response logs an error.
///
/// # Security
///
/// The event travels as it is. The typed constructors of [`AuthEvent`] leave a session's token, a
/// password and an API key out; you decide about the fields that you add.
#[expect(clippy::exhaustive_structs, reason = "users write its constructor")]
#[must_use = "an event that is not part of a response is not stored"]
#[derive(Clone, Debug)]
pub struct Emit(pub AuthEvent);

impl Emit {
    /// Puts the event into a response.
    pub fn attach<B>(self, response: &mut Response<B>) {
        self.attach_to(response.extensions_mut());
    }

    pub(super) fn attach_to(self, extensions: &mut Extensions) {
        extensions
            .get_or_insert_default::<DeclaredEvents>()
            .with(|events| events.push(self.0));
    }
}

/// The events of one response. Cloned extensions share them, and each event is taken once.
#[derive(Clone, Default)]
pub(super) struct DeclaredEvents(Arc<EventQueue>);

impl DeclaredEvents {
    /// Takes the events of a response; `None` if it declares none.
    pub(super) fn take(extensions: &mut Extensions) -> Option<Vec<AuthEvent>> {
        let declared = extensions.remove::<Self>()?;
        Some(declared.with(std::mem::take))
    }

    fn with<T>(&self, use_events: impl FnOnce(&mut Vec<AuthEvent>) -> T) -> T {
        use_events(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Default)]
struct EventQueue(Mutex<Vec<AuthEvent>>);

impl Drop for EventQueue {
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

impl fmt::Debug for DeclaredEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeclaredEvents").finish_non_exhaustive()
    }
}
