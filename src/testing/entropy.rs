//! Reproducible random bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::entropy::Entropy;

/// A generator whose seed determines its bytes: for tests only. Clones share one sequence.
///
/// ```
/// use tower_auth_sync::entropy::Entropy;
/// use tower_auth_sync::testing::SeededEntropy;
///
/// let (mut first, mut second) = ([0; 16], [0; 16]);
/// SeededEntropy::new(7).fill(&mut first);
/// SeededEntropy::new(7).fill(&mut second);
/// assert_eq!(first, second);
/// ```
#[derive(Clone, Debug)]
pub struct SeededEntropy(Arc<AtomicU64>);

impl SeededEntropy {
    /// Creates a generator.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
            chunk.copy_from_slice(&split_mix(state).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The output function of SplitMix64 (Steele, Lea and Flood, 2014).
const fn split_mix(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
