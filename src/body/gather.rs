//! The bytes of a body that have come, held once.

use std::mem;

use bytes::Bytes;

/// Joins pieces, up to a cap.
///
/// A single piece is kept as it is. From the second on there is one buffer. Of the buffers it outgrows
/// all are small but the last, so that while it grows no more than the cap and a little is held,
/// whatever the allocator does.
pub(super) struct Gather {
    /// Of the pieces and what stands in front of them.
    cap: usize,
    /// What the body itself says it will be, at most.
    expected: usize,
    first: Bytes,
    buffer: Vec<u8>,
}

/// More came than may.
pub(super) struct TooLarge;

impl Gather {
    /// Gathers at most `cap` bytes behind `lead`; the body says that it has no more than `expected`.
    pub(super) fn new(lead: Vec<u8>, cap: usize, expected: Option<u64>) -> Self {
        let expected = expected.and_then(|length| usize::try_from(length).ok());
        let behind_lead = |length: usize| length.saturating_add(lead.len());
        Self {
            cap: behind_lead(cap),
            expected: behind_lead(expected.map_or(cap, |length| length.min(cap))),
            first: Bytes::new(),
            buffer: lead,
        }
    }

    /// Returns whether `more` bytes may follow.
    pub(super) fn check(&self, more: usize) -> Result<(), TooLarge> {
        let held = self.first.len() + self.buffer.len();
        if more > self.cap.saturating_sub(held) {
            return Err(TooLarge);
        }
        Ok(())
    }

    /// Takes the next piece, which was [checked](Self::check).
    pub(super) fn put(&mut self, piece: Bytes) {
        if self.first.is_empty() && self.buffer.is_empty() {
            self.first = piece;
            return;
        }
        let first = mem::take(&mut self.first);
        self.make_room(first.len() + piece.len());
        self.buffer.extend_from_slice(&first);
        drop(first);
        self.buffer.extend_from_slice(&piece);
    }

    /// Returns all bytes.
    pub(super) fn finish(self) -> Bytes {
        if self.buffer.is_empty() {
            self.first
        } else {
            Bytes::from(self.buffer)
        }
    }

    fn make_room(&mut self, more: usize) {
        let needed = self.buffer.len() + more;
        if needed <= self.buffer.capacity() {
            return;
        }
        // A body that says less than it has is a mistake of whoever made it, and no reason to fail.
        let most = if needed <= self.expected {
            self.expected
        } else {
            self.cap
        };
        let wanted = if needed <= SMALL {
            needed.saturating_mul(2).min(SMALL)
        } else {
            needed.saturating_mul(2).max(LEAP)
        };
        self.buffer
            .reserve_exact(wanted.min(most) - self.buffer.len());
    }
}

/// Up to here a buffer grows with what has come. An old buffer of this size and a frame as large fit
/// in the 64 KiB that a request may take beside the cap.
const SMALL: usize = 24 * 1024;

/// The next size, or the cap if that is less. Memory that nothing was written to costs no page.
const LEAP: usize = 16 * 1024 * 1024;
