//! A hasher for the identifiers of hops, which are numbered one after the other.
//!
//! **Invariant:** hops that were recorded one after the other lie side by side in a table, so
//! that a window of them that moves on touches little memory.

use std::hash::{BuildHasherDefault, Hasher};

pub(crate) type Serial = BuildHasherDefault<SerialHasher>;

/// The low bits count on, the upper ones are mixed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SerialHasher(u64);

impl Hasher for SerialHasher {
    fn finish(&self) -> u64 {
        // Tables find a place by the low bits and tell neighbours apart by the upper seven.
        let mixed = self.0.wrapping_mul(ODD);
        (self.0 & !UPPER) | (mixed & UPPER)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = self.0.wrapping_mul(ODD).rotate_left(32).wrapping_add(word);
    }
}

const UPPER: u64 = 0x7f << 57;
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher as _;

    use super::Serial;
    use crate::trace::HopId;

    #[test]
    fn neighbours_lie_side_by_side_and_can_be_told_apart() {
        for recorder in [0, 7, u64::MAX] {
            let hash = |sequence| Serial::default().hash_one(HopId { recorder, sequence });
            for sequence in 0..1000 {
                let (a, b) = (hash(sequence), hash(sequence + 1));
                assert_eq!(b.wrapping_sub(a) << 7, 1 << 7);
                assert_ne!(a >> 57, b >> 57);
            }
        }
        let hash = |recorder| Serial::default().hash_one(HopId { recorder, sequence: 1 });
        assert_ne!(hash(1) & 0xffff, hash(2) & 0xffff);
    }
}
