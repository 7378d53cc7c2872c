//! Mirrored tiles in pairs: a tile, and the one that has row -k of each of its rows k.
//!
//! ```text
//!     tiles of rows    0 │ 1 2 │ 3 4 │ 5 │ 6 7 │ 8 9        of 10 rows, two at a time
//!     pairs            0    1     2    3    2     1         the first and the middle one are alone
//! ```

use std::ops::Range;

use super::RowTiles;

impl RowTiles {
    /// The number of pairs of tiles of a matrix, single ones included.
    pub(crate) fn pair_count(&self) -> usize {
        self.len() / 2 + 1
    }

    /// The most rows that a pair of tiles has.
    pub(crate) fn tallest_pair(&self) -> usize {
        let pairs = (0..2.min(self.len())).chain([self.len() / 2]);
        pairs.map(|pair| self.pair_height(pair)).max().unwrap_or(1)
    }

    /// The rows of a pair of tiles.
    pub(crate) fn pair_height(&self, pair: usize) -> usize {
        self.pair(pair).map(|(_, rows)| rows.len()).sum()
    }

    /// The tiles of a pair, each with its rows, by its number in all matrices.
    pub(crate) fn pair(self, number: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        let (matrix, one) = (number / self.pair_count(), number % self.pair_count());
        let mirror = self.mirror(one);
        let tiles = [one].into_iter().chain((mirror != one).then_some(mirror));
        tiles.map(move |tile| (matrix * self.len() + tile, self.range(tile)))
    }
}
