//! Why a call was not made, or its response not released.

use super::look::Unreadable;
use crate::base::error::BoxError;
use crate::base::error::StoreError;
use crate::send::outbox::EmitError;
use crate::wire::event::{DecodeError, EventType};
use crate::wire::problem::{Problem, ProblemKind};

/// Seconds after which a refused caller may try again.
const RETRY_AFTER: u32 = 5;

/// Why a call was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unready {
    #[error("the store of events does not answer")]
    Store(#[source] StoreError),
    #[error("the caller's session could not be looked up")]
    Session(#[source] BoxError),
}

impl Unready {
    /// Logs the cause and hides it.
    pub(super) fn to_problem(&self) -> Problem {
        let cause = std::error::Error::source(self);
        tracing::error!(error = %self, cause, "an auth call was refused before it was made");
        let kind = match self {
            Self::Store(_) => ProblemKind::STORE_UNAVAILABLE,
            Self::Session(_) => ProblemKind::SESSION_UNKNOWN,
        };
        Problem::new(kind).with_retry_after(RETRY_AFTER)
    }
}

/// Why events of a call that was made are not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum EventsLost {
    #[error("the events could not be stored")]
    Store {
        names: Vec<EventType>,
        #[source]
        cause: EmitError,
    },
    #[error("the caller's session could not be looked up after the call")]
    Session(#[source] BoxError),
    #[error("an event could not be made")]
    Unfit(#[source] DecodeError),
    #[error("the response could not be read, and nothing else tells what happened")]
    Response(#[source] Unreadable),
}

impl EventsLost {
    pub(super) fn log(&self) {
        let cause = std::error::Error::source(self);
        let events = match self {
            Self::Store { names, .. } => names.as_slice(),
            Self::Session(_) | Self::Response(_) | Self::Unfit(_) => &[],
        };
        let events: Vec<_> = events.iter().map(EventType::as_str).collect();
        tracing::error!(error = %self, cause, ?events, "an auth call was made, and its events are lost");
    }

    /// The call was made: nothing tells the caller to make it again.
    pub(super) const fn to_problem() -> Problem {
        Problem::new(ProblemKind::EVENTS_LOST)
    }
}
