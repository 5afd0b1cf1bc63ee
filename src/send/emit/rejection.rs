//! Why the layer does not make a call, or withholds a response.

use std::error::Error;

use super::read::UnreadableBody;
use crate::base::error::{BoxError, StoreError};
use crate::send::outbox::EmitError;
use crate::wire::event::{DecodeError, EventType};
use crate::wire::problem::{Problem, ProblemKind};

/// Why the layer does not make a call, or why the events of a finished call are lost.
#[derive(Debug, thiserror::Error)]
pub(super) enum EmitRejection {
    /// Before the call.
    #[error("the store of events does not respond")]
    StoreUnavailable(#[source] StoreError),
    /// Before the call.
    #[error("the caller's session could not be looked up")]
    SessionUnknown(#[source] BoxError),
    #[error("the events could not be stored")]
    NotStored {
        names: Vec<EventType>,
        #[source]
        cause: EmitError,
    },
    #[error("the caller's session could not be looked up after the call")]
    SessionAfter(#[source] BoxError),
    #[error("an event could not be made")]
    Unfit(#[source] DecodeError),
    #[error("the response could not be read, and nothing else says what happened")]
    Unreadable(#[source] UnreadableBody),
}

impl EmitRejection {
    /// Logs the cause, which the caller does not see.
    pub(super) fn log(&self) {
        let cause = self.source();
        if self.is_before_call() {
            tracing::error!(error = %self, cause, "an auth call was refused before it was made");
            return;
        }
        let names = match self {
            Self::NotStored { names, .. } => names.as_slice(),
            _ => &[],
        };
        let events: Vec<_> = names.iter().map(EventType::as_str).collect();
        tracing::error!(error = %self, cause, ?events, "an auth call was made, and its events are lost");
    }

    /// After a call that was made, nothing says to make it again.
    pub(super) fn to_problem(&self) -> Problem {
        let problem = Problem::new(self.kind());
        if self.is_before_call() {
            problem.with_retry_after(RETRY_AFTER)
        } else {
            problem
        }
    }

    const fn kind(&self) -> ProblemKind {
        match self {
            Self::StoreUnavailable(_) => ProblemKind::STORE_UNAVAILABLE,
            Self::SessionUnknown(_) => ProblemKind::SESSION_UNKNOWN,
            Self::NotStored { .. }
            | Self::SessionAfter(_)
            | Self::Unfit(_)
            | Self::Unreadable(_) => ProblemKind::EVENTS_LOST,
        }
    }

    const fn is_before_call(&self) -> bool {
        matches!(self, Self::StoreUnavailable(_) | Self::SessionUnknown(_))
    }
}

/// Seconds after which a refused caller may try again.
const RETRY_AFTER: u32 = 5;
