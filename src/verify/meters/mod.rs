//! What the layer counts; nothing without the feature `metrics`.

#[cfg(feature = "metrics")]
mod recorded;
#[cfg(not(feature = "metrics"))]
mod silent;

#[cfg(feature = "metrics")]
pub(super) use self::recorded::{Meters, Timer};
#[cfg(not(feature = "metrics"))]
pub(super) use self::silent::{Meters, Timer};

/// How the handler ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Success,
    Failure,
    /// The response future was dropped: a panic, or a client that went away.
    Cancelled,
}

impl Outcome {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What the store that remembers messages was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Claim,
    Renew,
    Commit,
    Release,
}
