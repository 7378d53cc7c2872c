//! A random number generator without a state: Philox4x32-10 makes 128 random bits of a counter and
//! a key.
//!
//! ```text
//!     counter  c0 c1 c2 c3        a round: two products of 32 by 32 bits, whose high halves are
//!              │  │  │  │         mixed with the other words and the key, and the words change
//!     key ───▶ ▒▒▒▒▒▒▒▒▒▒ × 10    places
//!              │  │  │  │
//!     random   r0 r1 r2 r3
//! ```
//!
//! Implemented from its definition in Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
//! easy as 1, 2, 3" (SC11, 2011). It passes all tests of `BigCrush`.

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
/// What the key grows by in every round: the golden ratio and the root of three, less one.
const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];

/// The random words of a counter and a key.
#[inline]
fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let (high0, low0) = product(MULTIPLIERS[0], counter[0]);
        let (high1, low1) = product(MULTIPLIERS[1], counter[2]);
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[inline]
fn product(a: u32, b: u32) -> (u32, u32) {
    let [low, high] = words(u64::from(a) * u64::from(b));
    (high, low)
}

/// The low and the high word.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a word of two")]
fn words(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}

/// Random words for every block of elements, from a seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Philox {
    key: [u32; 2],
}

impl Philox {
    pub(super) fn new(seed: u64) -> Self {
        Self { key: words(seed) }
    }

    /// Four words of 32 bits.
    #[inline]
    pub(super) fn block32(self, block: u64) -> [u32; 4] {
        let [low, high] = words(block);
        philox4x32([low, high, 0, 0], self.key)
    }

    /// Two words of 64 bits; others at every attempt.
    #[inline]
    pub(super) fn block64(self, block: u64, attempt: u32) -> [u64; 2] {
        let [low, high] = words(block);
        let [a, b, c, d] = philox4x32([low, high, attempt, 0], self.key).map(u64::from);
        [b << 32 | a, d << 32 | c]
    }
}

/// Fills elements from an index on, of which every block gives `N`.
#[inline]
pub(super) fn fill_blocks<T: Copy, const N: usize>(
    first: usize,
    elements: &mut [T],
    block: impl Fn(u64) -> [T; N],
) {
    let (index, skipped) = ((first / N) as u64, first % N);
    let head_len = ((N - skipped) % N).min(elements.len());
    let (head, rest) = elements.split_at_mut(head_len);
    if !head.is_empty() {
        head.copy_from_slice(&block(index)[skipped..skipped + head_len]);
    }
    let index = index + u64::from(skipped > 0);
    let (whole, tail) = rest.as_chunks_mut::<N>();
    for (index, elements) in (index..).zip(&mut *whole) {
        *elements = block(index);
    }
    if !tail.is_empty() {
        tail.copy_from_slice(&block(index + whole.len() as u64)[..tail.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers for this generator in the distribution of the paper's authors, Random123.
    #[test]
    fn gives_the_published_answers() {
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let known = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([!0; 4], [!0; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ];
        for (counter, key, answer) in known {
            assert_eq!(philox4x32(counter, key), answer, "{counter:x?} {key:x?}");
        }
    }

    #[test]
    fn a_block_is_the_counter_and_a_seed_the_key_low_words_first() {
        let philox = Philox::new(0x299f_31d0_a409_3822);
        assert_eq!(philox.key, [0xa409_3822, 0x299f_31d0]);
        let block = 0x85a3_08d3_243f_6a88;
        let [a, b, c, d] = philox4x32([0x243f_6a88, 0x85a3_08d3, 0, 0], philox.key);
        assert_eq!(philox.block32(block), [a, b, c, d]);
        let wide = |low: u32, high: u32| (u64::from(high) << 32) + u64::from(low);
        assert_eq!(philox.block64(block, 0), [wide(a, b), wide(c, d)]);
        assert_ne!(philox.block64(block, 1), philox.block64(block, 0));
    }

    #[test]
    fn elements_are_those_of_their_blocks_from_any_index_on() {
        let mut all = [0; 20];
        for first in 0..9_u64 {
            for len in 0..=11_u64 {
                let elements = &mut all[..usize::try_from(len).unwrap()];
                fill_blocks(usize::try_from(first).unwrap(), elements, |block| {
                    std::array::from_fn::<u64, 4, _>(|word| 4 * block + word as u64)
                });
                let expected: Vec<_> = (first..first + len).collect();
                assert_eq!(elements, expected);
            }
        }
    }
}
