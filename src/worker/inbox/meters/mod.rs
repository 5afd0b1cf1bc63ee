//! What the worker counts; nothing without the feature `metrics`.

#[cfg(feature = "metrics")]
mod recorded;
#[cfg(not(feature = "metrics"))]
mod silent;

#[cfg(feature = "metrics")]
pub(super) use self::recorded::Meters;
#[cfg(not(feature = "metrics"))]
pub(super) use self::silent::Meters;
