//! Cost limit of a diagnosis.

use std::cell::Cell;

/// The remaining number of bytes to hash, read and write.
pub(crate) struct Budget(Cell<usize>);

impl Budget {
    /// Limits the time. Known faults need far less.
    pub(crate) const WHOLE: usize = 64 * 1024 * 1024;

    pub(crate) const fn of(bytes: usize) -> Self {
        Self(Cell::new(bytes))
    }

    /// Spends `length` bytes. If fewer remain, spends all of them and returns `false`.
    pub(crate) fn allows(&self, length: usize) -> bool {
        // A short body costs one or two blocks as well.
        let left = self.0.get().checked_sub(length.saturating_add(128));
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Lets `work` spend up to a quarter of the remaining bytes.
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
