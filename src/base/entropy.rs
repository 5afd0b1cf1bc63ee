//! Randomness as a port. This module is the only user of a random generator.

use std::fmt::Debug;

/// Source of unpredictable bytes.
///
/// ```
/// use tower_auth_sync::entropy::SystemEntropy;
/// use tower_auth_sync::secret::Secret;
///
/// let secret = Secret::generate_with(&SystemEntropy);
/// # let _ = secret;
/// ```
///
/// # Security
///
/// Ids, lease tokens and keys consist of these bytes. Outside tests an implementation must be
/// cryptographically secure.
pub trait Entropy: Debug + Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
///
/// ```
/// use tower_auth_sync::entropy::{Entropy, SystemEntropy};
///
/// let mut bytes = [0; 16];
/// SystemEntropy.fill(&mut bytes);
/// assert_ne!(bytes, [0; 16]);
/// ```
#[expect(clippy::exhaustive_structs, reason = "users write its name")]
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::expect_used,
        reason = "no id or key may be made when the system has no randomness"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system's random generator must work");
    }
}

/// Returns `N` random bytes.
pub(crate) fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
