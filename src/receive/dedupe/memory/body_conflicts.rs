//! Notices an unsigned id that comes with two bodies.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::receive::dedupe::keys::DedupeKey;

/// How many ids are remembered: 128 KiB.
const SLOTS: usize = 1 << 14;

/// The ids of late and a part of the digest of each one's body, one word each.
///
/// An id is overwritten by another one of the same slot: it serves the log, and nothing is decided
/// by it.
pub(super) struct BodyConflicts(Box<[AtomicU64]>);

impl BodyConflicts {
    pub(super) fn new() -> Self {
        Self((0..SLOTS).map(|_| AtomicU64::new(0)).collect())
    }

    /// Remembers `id` with `body`, and tells whether the body last seen with it was another.
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
