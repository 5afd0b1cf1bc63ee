//! Counting nothing.

use super::{Operation, Outcome};
use crate::signature::{Verified, Verifier};
use crate::verify::rejection::RefusalReason;

#[derive(Clone, Debug)]
pub(in crate::verify) struct Meters;

#[derive(Clone, Copy, Debug)]
pub(in crate::verify) struct Timer;

impl Timer {
    pub(in crate::verify) const fn start() -> Self {
        Self
    }
}

impl Meters {
    pub(in crate::verify) const fn new(_source: &str) -> Self {
        Self
    }

    pub(in crate::verify) const fn verified(&self, _verified: Verified, _by: &Verifier) {}

    pub(in crate::verify) const fn accepted(&self) {}

    pub(in crate::verify) const fn refused(&self, _reason: &RefusalReason) {}

    pub(in crate::verify) const fn store_failed(&self, _operation: Operation) {}

    pub(in crate::verify) const fn handled(&self, _outcome: Outcome, _timer: Timer) {}
}
