//! Joins the chunks of a body.

use std::mem;

use bytes::Bytes;

/// Joins chunks, up to a limit.
///
/// A single chunk is kept as it is; from the second chunk there is one buffer. All buffers that it
/// outgrows are small, so that growing holds at most the limit and a little more, under any
/// allocator.
pub(super) struct BodyBuffer {
    limit: usize,
    /// Length that the body announces, at most the limit.
    expected: usize,
    first: Bytes,
    joined: Vec<u8>,
}

impl BodyBuffer {
    /// Creates a buffer for at most `limit` bytes; the body announces `expected`.
    pub(super) fn new(limit: usize, expected: Option<u64>) -> Self {
        let expected = expected.and_then(|length| usize::try_from(length).ok());
        Self {
            limit,
            expected: expected.map_or(limit, |length| length.min(limit)),
            first: Bytes::new(),
            joined: Vec::new(),
        }
    }

    /// Returns how many more bytes fit.
    pub(super) fn room(&self) -> usize {
        let held = self.first.len() + self.joined.len();
        self.limit.saturating_sub(held)
    }

    /// Adds a chunk that [fits](Self::room).
    pub(super) fn push(&mut self, chunk: Bytes) {
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = chunk;
            return;
        }
        let first = mem::take(&mut self.first);
        self.make_room(first.len() + chunk.len());
        self.joined.extend_from_slice(&first);
        drop(first);
        self.joined.extend_from_slice(&chunk);
    }

    /// Returns all bytes.
    pub(super) fn finish(self) -> Bytes {
        if self.joined.is_empty() {
            self.first
        } else {
            Bytes::from(self.joined)
        }
    }

    fn make_room(&mut self, more: usize) {
        let needed = self.joined.len() + more;
        if needed <= self.joined.capacity() {
            return;
        }
        // A body may announce less than it has. That is a bug of the body, and no reason to fail.
        let most = if needed <= self.expected {
            self.expected
        } else {
            self.limit
        };
        let wanted = if needed <= SMALL {
            needed.saturating_mul(2).min(SMALL)
        } else {
            needed.saturating_mul(2).max(LEAP)
        };
        self.joined
            .reserve_exact(wanted.min(most) - self.joined.len());
    }
}

/// Size up to which the buffer grows with the body. An old buffer of this size and an equal frame
/// fit in the 64 KiB that a request may take besides the limit.
const SMALL: usize = 24 * 1024;

/// Next size, or the limit if that is less. Unwritten memory takes no page.
const LEAP: usize = 16 * 1024 * 1024;
