//! What fences a lease.

/// Tells one lease of a delivery, or of a stored message, from the next: a store gives it a higher
/// one each time.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LeaseToken(u64);

impl LeaseToken {
    /// Takes a store's number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the store's number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}
