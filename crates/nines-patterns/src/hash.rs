//! The hash behind pattern ids. Ids are stored and linked to, so it is part of the format and never changes: see
//! `docs/formats/patterns.md`. Not resistant to somebody who looks for collisions; two patterns that collide are
//! counted as one, which is all that can be gained.

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const MULTIPLIER: u64 = 0xa076_1d64_78bd_642f;

/// The two halves of the 128-bit product, xored: mixes every bit into every other.
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left).wrapping_mul(u128::from(right));
    (product as u64) ^ ((product >> 64) as u64)
}

/// The hash of a text: eight bytes at a time, little endian, the rest padded with zeros.
pub(crate) fn bytes(text: &[u8]) -> u64 {
    let mut state = SEED ^ (text.len() as u64).wrapping_mul(MULTIPLIER);
    let mut chunks = text.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), MULTIPLIER);
    }
    let mut rest = 0;
    for (index, &byte) in chunks.remainder().iter().enumerate() {
        rest |= u64::from(byte) << (8 * index);
    }
    fold(state ^ rest, MULTIPLIER ^ SEED)
}

/// The hash of a sequence of hashes, their order included.
pub(crate) fn sequence(parts: impl Iterator<Item = u64>) -> u64 {
    let mut state = SEED;
    for part in parts {
        state = fold(state ^ part, MULTIPLIER).wrapping_add(SEED);
    }
    fold(state, SEED)
}
