//! A quick hash of bodies, by which two bodies under one id are told apart.

use std::array;

/// Returns 64 bits that differ, but for a chance of about 2^-64, for bodies that are not made to have
/// the same: it is no cryptographic hash.
///
/// Four words at a time, since each step waits for the one before. A step is a bijection of the lane:
/// a change within one word is never lost.
pub(super) fn fingerprint(body: &[u8]) -> u64 {
    let (blocks, rest) = body.as_chunks::<32>();
    let mut last = [0; 32];
    last[..rest.len()].copy_from_slice(rest);

    let mut lanes = [body.len() as u64; 4];
    for block in blocks.iter().chain([&last]) {
        let words = block.as_chunks().0;
        lanes = array::from_fn(|at| stir(lanes[at], u64::from_le_bytes(words[at])));
    }
    lanes.into_iter().fold(0, stir)
}

const fn stir(lane: u64, word: u64) -> u64 {
    // Odd, with no pattern in its bits: 2^64 divided by the golden ratio.
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = (lane ^ word).wrapping_mul(MULTIPLIER);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::fingerprint;

    #[test]
    fn bodies_that_differ_a_little_have_different_fingerprints() {
        let body: Vec<u8> = (0..100).collect();
        let flipped = (0..body.len() * 8).map(|bit| {
            let mut body = body.clone();
            body[bit / 8] ^= 1 << (bit % 8);
            body
        });
        let shortened = (0..body.len()).map(|length| body[..length].to_vec());
        let extended = (1..100).map(|zeros| [body.as_slice(), &vec![0; zeros]].concat());
        let rotated = (0..body.len()).map(|by| {
            let mut body = body.clone();
            body.rotate_left(by);
            body
        });
        let all: HashSet<_> = flipped
            .chain(shortened)
            .chain(extended)
            .chain(rotated)
            .collect();
        let fingerprints: HashSet<_> = all.iter().map(|body| fingerprint(body)).collect();
        assert_eq!(fingerprints.len(), all.len());
    }

    #[test]
    fn a_fingerprint_is_the_same_in_every_release() {
        assert_eq!(fingerprint(b""), 0);
        let body: Vec<u8> = (0..100).collect();
        assert_eq!(fingerprint(&body), 16_638_004_636_142_281_270);
    }
}
