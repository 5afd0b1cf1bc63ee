//! Token that fences a lease.

/// Fencing token of a lease of a delivery or a stored message: a store raises it with each lease.
///
/// ```
/// use tower_auth_sync::queue::LeaseToken;
///
/// assert!(LeaseToken::new(2) > LeaseToken::new(1));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LeaseToken(u64);

impl LeaseToken {
    /// Creates a token from the store's number.
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
