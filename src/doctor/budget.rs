//! What a diagnosis may cost.

use std::cell::Cell;

/// Bytes that may still be hashed, read to be rewritten, or written.
pub(crate) struct Budget(Cell<usize>);

impl Budget {
    /// Bounds the time; what is known to go wrong is found in far less.
    pub(crate) const WHOLE: usize = 64 * 1024 * 1024;

    pub(crate) const fn of(bytes: usize) -> Self {
        Self(Cell::new(bytes))
    }

    /// Takes `length` bytes; `false`, and nothing is left, if there are not so many.
    pub(crate) fn allows(&self, length: usize) -> bool {
        // A short body costs a block or two all the same.
        let left = self.0.get().checked_sub(length.saturating_add(128));
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Lets `work` spend up to a quarter of what is left.
    pub(crate) fn lend<T>(&self, work: impl FnOnce(&Self) -> T) -> T {
        let quarter = self.left() / 4;
        let lent = Self::of(quarter);
        let done = work(&lent);
        self.0.set(self.left() - (quarter - lent.left()));
        done
    }

    pub(crate) const fn left(&self) -> usize {
        self.0.get()
    }
}
