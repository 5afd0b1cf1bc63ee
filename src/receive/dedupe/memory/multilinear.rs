//! Hash for the keys of messages.

use std::fmt;
use std::hash::{BuildHasher, Hasher};

use crate::base::entropy::{Entropy, random};

/// Multilinear hashing of two words with secret multipliers. It is strongly universal (Lemire and
/// Kaser, *Strongly universal string hashing is fast*, 2014): the hashes of any two keys of a
/// sender are as two random numbers, as long as the sender does not see them.
///
/// Keys are digests already, but of bytes that a sender chooses and could try out. A few
/// multiplications do for 16 bytes what the hash of the standard library does for texts of any
/// length.
#[derive(Clone)]
pub(super) struct Multilinear {
    start: u128,
    multipliers: [u128; 2],
}

impl Multilinear {
    pub(super) fn random(entropy: &dyn Entropy) -> Self {
        let number = || u128::from_be_bytes(random(entropy));
        Self {
            start: number(),
            multipliers: [number(), number()],
        }
    }
}

impl BuildHasher for Multilinear {
    type Hasher = MultilinearHasher;

    fn build_hasher(&self) -> MultilinearHasher {
        MultilinearHasher {
            sum: self.start,
            multipliers: self.multipliers,
        }
    }
}

impl fmt::Debug for Multilinear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Multilinear(..)")
    }
}

/// Hashes one key, in one call.
pub(super) struct MultilinearHasher {
    sum: u128,
    multipliers: [u128; 2],
}

impl Hasher for MultilinearHasher {
    fn write(&mut self, key: &[u8]) {
        let words = key
            .as_chunks()
            .0
            .iter()
            .map(|word| u64::from_ne_bytes(*word));
        for (word, multiplier) in words.zip(self.multipliers) {
            let product = multiplier.wrapping_mul(word.into());
            self.sum = self.sum.wrapping_add(product);
        }
    }

    fn finish(&self) -> u64 {
        // Of the sum only the high half is strongly universal.
        (self.sum >> u64::BITS) as u64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::testing::SeededEntropy;

    fn hash(multilinear: &Multilinear, key: u128) -> u64 {
        let mut hasher = multilinear.build_hasher();
        hasher.write(&key.to_ne_bytes());
        hasher.finish()
    }

    #[test]
    fn keys_that_follow_a_pattern_spread_over_buckets_and_tags() {
        let multilinear = Multilinear::random(&SeededEntropy::new(1));
        for shift in [0, 7, 32, 64, 100] {
            let hashes = || (0..4096_u128).map(|n| hash(&multilinear, n << shift));
            let buckets: HashSet<_> = hashes().map(|hash| hash % 4096).collect();
            let tags: HashSet<_> = hashes().map(|hash| hash >> 57).collect();
            // At random 2589 of 4096 buckets would be met.
            assert!(buckets.len() > 2000, "{shift}: {}", buckets.len());
            assert_eq!(tags.len(), 128, "{shift}");
        }
    }

    #[test]
    fn two_stores_hash_alike_no_key() {
        let entropy = SeededEntropy::new(1);
        let [one, other] = [(); 2].map(|()| Multilinear::random(&entropy));
        assert!((0..100).all(|key| hash(&one, key) != hash(&other, key)));
    }
}
