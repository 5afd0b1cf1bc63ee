//! Detects an unsigned id with two bodies.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::receive::dedupe::keys::DedupeKey;

/// Number of remembered ids: 128 KiB.
const SLOTS: usize = 1 << 14;

/// Recent ids, each with a part of the digest of its body, one word each.
///
/// Another id of the same slot overwrites an id: the result serves the log, and nothing depends on
/// it.
pub(super) struct BodyConflicts(Box<[AtomicU64]>);

impl BodyConflicts {
    pub(super) fn new() -> Self {
        Self((0..SLOTS).map(|_| AtomicU64::new(0)).collect())
    }

    /// Remembers `id` with `body`. Returns whether the last body seen with `id` was another.
    pub(super) fn record(&self, id: DedupeKey, body: u64) -> bool {
        const HALF: u32 = u32::BITS;
        let id = id.half();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the remainder is less than the number of slots"
        )]
        let slot = (id % SLOTS as u64) as usize;
        let word = (id >> HALF << HALF) | (body >> HALF);
        let before = self.0[slot].swap(word, Ordering::Relaxed);
        before != word && before != 0 && before >> HALF == word >> HALF
    }
}

impl fmt::Debug for BodyConflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyConflicts(..)")
    }
}
