//! What lies between two passes of which one needs whole columns and the other whole rows.
//!
//! An array of three axes is a number of matrices, each transformed by itself. Where the array between
//! the passes may be arranged at will, the bytes of each row tile hold its blocks one after another:
//!
//! ```text
//!     a matrix, in blocks            the same bytes between the passes
//!     ┌────┬────┬────┐               ┌─────────────────────┐
//!     │ A0 │ A1 │ A2 │ ◀ row tile A  │ A0 A0 │ A1 A1 │ A2… │ ◀ row tile A, at its place
//!     ├────┼────┼────┤               ├─────────────────────┤
//!     │ B0 │ B1 │ B2 │ ◀ row tile B  │ B0 B0 │ B1 B1 │ B2… │ ◀ row tile B
//!     └────┴────┴────┘               └─────────────────────┘
//!       ▲ a tile of columns: A0 B0
//! ```
//!
//! A block is written and read in one run, a row tile in one run, and a row tile takes the place of its
//! blocks. So of all transfers only those of columns from the source, or to the result, have short runs.
//!
//! The last row tiles may be kept in memory instead, as many as the budget leaves.

mod mirrored;
mod turned;

pub(crate) use turned::{Turn, turn_bytes};

use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use outcore_storage::{Element, Order, Source, Stored, Window};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::Result;
use crate::stream::Durable;
use crate::transfer::{Io, WriteShared};

/// What one pass writes and the next reads.
pub(crate) trait Store<T, D: ndarray::Dimension>: Source<T, D> + WriteShared<T, D> {}

impl<T, D: ndarray::Dimension, S: Source<T, D> + WriteShared<T, D>> Store<T, D> for S {}

/// How the matrices are cut by the two passes. Rows are contiguous in the file.
#[derive(Clone, Debug)]
pub(crate) struct Cuts {
    /// The number of matrices.
    pub(crate) matrices: usize,
    pub(crate) rows: RowTiles,
    /// The length of a row, and of the columns of a tile.
    pub(crate) len: usize,
    pub(crate) width: usize,
    /// Whether columns are cut as rows of [mirrored tiles](RowTiles::mirrored) are.
    pub(crate) mirrored: bool,
    /// The length of a row of the array that the blocks lie in: no shorter.
    pub(crate) pitch: usize,
    /// Row tiles from this one on are kept in memory.
    pub(crate) kept_from: usize,
}

/// How the rows of a matrix are cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowTiles {
    pub(crate) count: usize,
    pub(crate) height: usize,
    /// Whether the first row is a tile of its own, and the last one is shortened by as much as the
    /// others make: then row -k of the tile of row k is in a tile of the same height.
    pub(crate) mirrored: bool,
    /// How much shorter the first tile is, of tiles that are not mirrored.
    pub(crate) lead: usize,
}

impl RowTiles {
    pub(crate) fn new(count: usize, height: usize) -> Self {
        Self { count, height, mirrored: false, lead: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        if self.mirrored {
            1 + 2 * self.pairs() + usize::from(self.middle().1 > 0)
        } else {
            (self.count + self.lead).div_ceil(self.height)
        }
    }

    /// The number of whole tiles on each side of the middle one.
    fn pairs(&self) -> usize {
        (self.count - 1) / 2 / self.height
    }

    /// The first row of the middle tile, and the number of its rows.
    fn middle(&self) -> (usize, usize) {
        let side = self.pairs() * self.height;
        (1 + side, self.count - 1 - 2 * side)
    }

    pub(crate) fn range(&self, tile: usize) -> Range<usize> {
        if !self.mirrored {
            let end = (tile + 1) * self.height - self.lead;
            return (tile * self.height).saturating_sub(self.lead)..self.count.min(end);
        }
        let (middle, len) = self.middle();
        let pairs = self.pairs();
        if tile == 0 {
            return 0..1;
        }
        let number = tile - 1;
        if number < pairs {
            let begin = 1 + number * self.height;
            return begin..begin + self.height;
        }
        let number = number - pairs;
        if len > 0 && number == 0 {
            return middle..middle + len;
        }
        let begin = middle + len + (number - usize::from(len > 0)) * self.height;
        begin..begin + self.height
    }

    /// The tile that has row -k of each row k of a tile.
    pub(crate) fn mirror(&self, tile: usize) -> usize {
        if tile == 0 { 0 } else { self.len() - tile }
    }

    /// The most rows that a tile has.
    pub(crate) fn tallest(&self) -> usize {
        if self.mirrored {
            self.height.max(self.middle().1).min(self.count)
        } else {
            self.height.min(self.count)
        }
    }
}

impl Cuts {
    pub(crate) fn column_tiles(&self) -> usize {
        self.column_ranges().len()
    }

    /// How columns are cut.
    pub(crate) fn column_ranges(&self) -> RowTiles {
        RowTiles { mirrored: self.mirrored, ..RowTiles::new(self.len, self.width) }
    }

    /// The number of tiles of columns, and of rows, of all matrices.
    pub(crate) fn all_column_tiles(&self) -> usize {
        self.matrices * self.column_tiles()
    }

    pub(crate) fn all_row_tiles(&self) -> usize {
        self.matrices * self.rows.len()
    }

    /// The matrix and the columns of a tile.
    pub(crate) fn columns(&self, tile: usize) -> (usize, Range<usize>) {
        let (matrix, tile) = (tile / self.column_tiles(), tile % self.column_tiles());
        (matrix, self.column_ranges().range(tile))
    }

    /// The matrix and the rows of a tile.
    pub(crate) fn rows(&self, tile: usize) -> (usize, Range<usize>) {
        let count = self.rows.len();
        (tile / count, self.rows.range(tile % count))
    }

    /// The rows of all matrices that come before a row tile.
    pub(crate) fn rows_before(&self, tile: usize) -> usize {
        let count = self.rows.len();
        let (matrix, tile) = (tile / count, tile % count);
        matrix * self.rows.count + if tile == 0 { 0 } else { self.rows.range(tile).start }
    }

    /// The rows that are not kept in memory between the passes.
    pub(crate) fn stored_rows(&self) -> usize {
        self.rows_before(self.kept_from)
    }

    /// Those that are.
    pub(crate) fn kept_rows(&self) -> usize {
        self.matrices * self.rows.count - self.stored_rows()
    }

    /// A window of whole columns.
    pub(crate) fn column_window(&self, tile: usize) -> Window<IxDyn> {
        let (matrix, columns) = self.columns(tile);
        window([matrix..matrix + 1, 0..self.rows.count, columns])
    }

    /// A window of rows of some length.
    pub(crate) fn row_window(&self, tile: usize, len: usize) -> Window<IxDyn> {
        let (matrix, rows) = self.rows(tile);
        window([matrix..matrix + 1, rows, 0..len])
    }

    /// The windows that hold elements which follow each other in a matrix: the end of a row, whole rows,
    /// the beginning of a row.
    fn consecutive(
        &self,
        matrix: usize,
        elements: Range<usize>,
    ) -> impl Iterator<Item = Window<IxDyn>> {
        let len = self.pitch;
        let mut start = elements.start;
        std::iter::from_fn(move || {
            let left = elements.end - start;
            if left == 0 {
                return None;
            }
            let (row, column) = (start / len, start % len);
            let (rows, columns) = if column == 0 && left >= len {
                (row..row + left / len, 0..len)
            } else {
                (row..row + 1, column..len.min(column + left))
            };
            let window = window([matrix..matrix + 1, rows, columns]);
            start += window.len();
            Some(window)
        })
    }
}

fn window(ranges: [Range<usize>; 3]) -> Window<IxDyn> {
    let origin = ranges.each_ref().map(|range| range.start);
    Window::new(IxDyn(&origin), IxDyn(&ranges.map(|range| range.len())))
}

/// The array between the passes.
pub(crate) struct Between<'a, T> {
    store: &'a dyn Store<T, IxDyn>,
    cuts: &'a Cuts,
    /// The row tiles that are kept, as they would lie in the store.
    kept: Vec<Mutex<Vec<T>>>,
    /// The row tiles, from the first one on, that an earlier run has finished.
    finished: usize,
}

impl<'a, T: Element> Between<'a, T> {
    /// The row tiles that an earlier run has finished are left alone.
    pub(crate) fn new(store: &'a dyn Store<T, IxDyn>, cuts: &'a Cuts, finished: usize) -> Self {
        let kept = (cuts.kept_from..cuts.all_row_tiles()).map(|_| Mutex::new(Vec::new())).collect();
        Self { store, cuts, kept, finished }
    }

    /// The first byte of the array in its file.
    pub(crate) fn offset(&self) -> u64 {
        Stored::layout(self.store).offset()
    }

    /// The elements of a row tile from one on, and the windows that they lie in.
    fn windows(
        &self,
        tile: usize,
        first: usize,
        len: usize,
    ) -> impl Iterator<Item = Window<IxDyn>> {
        let (matrix, rows) = self.cuts.rows(tile);
        let start = rows.start * self.cuts.pitch + first;
        self.cuts.consecutive(matrix, start..start + len)
    }

    /// Writes a tile of whole columns; returns the number of elements that left memory.
    pub(crate) fn write_columns(&self, tile: usize, elements: &[T], io: &Io) -> Result<u64> {
        self.write_columns_of(tile, elements, io, &|_| true)
    }

    /// The same for the row tiles that are wanted alone.
    pub(crate) fn write_columns_of(
        &self,
        tile: usize,
        elements: &[T],
        io: &Io,
        wanted: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<u64> {
        let (matrix, columns) = self.cuts.columns(tile);
        let first = matrix * self.cuts.rows.len();
        let begin = self.finished.clamp(first, first + self.cuts.rows.len());
        let count = first + self.cuts.rows.len() - begin;
        io.each(count, |row_tile| {
            let row_tile = begin + row_tile;
            if !wanted(row_tile) {
                return Ok(());
            }
            let (_, rows) = self.cuts.rows(row_tile);
            let block = &elements[rows.start * columns.len()..rows.end * columns.len()];
            if let Some(kept) = row_tile.checked_sub(self.cuts.kept_from) {
                let mut tile = self.kept[kept].lock().unwrap_or_else(PoisonError::into_inner);
                tile.resize(rows.len() * self.cuts.len, T::default());
                tile[columns.start * rows.len()..][..block.len()].copy_from_slice(block);
                return Ok(());
            }
            let mut rest = block;
            for window in self.windows(row_tile, columns.start * rows.len(), block.len()) {
                let (now, later) = rest.split_at(window.len());
                let view = ArrayViewD::from_shape(window.shape.clone(), now);
                let view = view.expect("as many as the window has");
                io.write_part(self.store, &window, view, Order::C, elements.len())?;
                rest = later;
            }
            Ok(())
        })?;
        let end = (first + self.cuts.rows.len()).min(self.cuts.kept_from).max(begin);
        let rows: usize = (begin..end)
            .filter(|&tile| wanted(tile))
            .map(|tile| self.cuts.rows(tile).1.len())
            .sum();
        Ok((rows * columns.len()) as u64)
    }

    /// Reads a tile of whole columns, as [`write_columns`](Self::write_columns) writes it; what is in no
    /// row tile that is wanted is zero. Returns the number of elements that came from outside memory.
    pub(crate) fn read_columns(
        &self,
        tile: usize,
        elements: &mut [T],
        io: &Io,
        wanted: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<u64> {
        let (matrix, columns) = self.cuts.columns(tile);
        let first = matrix * self.cuts.rows.len();
        let tile_len = elements.len();
        let block = |(number, block): (usize, &mut [T])| {
            if wanted(first + number) {
                return self.read_block(first + number, columns.start, block, tile_len, io);
            }
            block.fill(T::default());
            Ok(0)
        };
        // All row tiles but the last are of one height.
        let blocks = elements.par_chunks_mut(self.cuts.rows.height * columns.len());
        io.run(|| blocks.enumerate().map(block).try_reduce(|| 0, |one, other| Ok(one + other)))
    }

    /// Reads the block of a row tile that begins at a column, a part of a tile of so many elements.
    fn read_block(
        &self,
        row_tile: usize,
        column: usize,
        block: &mut [T],
        tile_len: usize,
        io: &Io,
    ) -> Result<u64> {
        let (_, rows) = self.cuts.rows(row_tile);
        let (begin, len) = (column * rows.len(), block.len());
        if let Some(kept) = row_tile.checked_sub(self.cuts.kept_from) {
            let tile = self.kept[kept].lock().unwrap_or_else(PoisonError::into_inner);
            block.copy_from_slice(&tile[begin..begin + len]);
            return Ok(0);
        }
        let mut rest = block;
        for window in self.windows(row_tile, begin, len) {
            let (now, later) = rest.split_at_mut(window.len());
            let view = ArrayViewMutD::from_shape(window.shape.clone(), now);
            let view = view.expect("as many as the window has");
            io.read_part(self.store, &window, view, Order::C, tile_len)?;
            rest = later;
        }
        Ok(len as u64)
    }

    /// Writes a row tile in blocks; returns the number of elements that left memory.
    pub(crate) fn write_rows(&self, tile: usize, blocks: &[T], io: &Io) -> Result<u64> {
        if let Some(kept) = tile.checked_sub(self.cuts.kept_from) {
            *self.kept[kept].lock().unwrap_or_else(PoisonError::into_inner) = blocks.to_vec();
            return Ok(0);
        }
        let mut rest = blocks;
        for window in self.windows(tile, 0, blocks.len()) {
            let (now, later) = rest.split_at(window.len());
            let view = ArrayViewD::from_shape(window.shape.clone(), now);
            io.write(self.store, &window, view.expect("as many as the window has"), Order::C)?;
            rest = later;
        }
        Ok(blocks.len() as u64)
    }

    /// Reads a row tile as it lies; returns the number of elements that came from outside memory.
    pub(crate) fn read_rows(&self, tile: usize, elements: &mut [T], io: &Io) -> Result<u64> {
        if let Some(kept) = tile.checked_sub(self.cuts.kept_from) {
            // It is needed once: its memory is free from here on.
            let mut tile = self.kept[kept].lock().unwrap_or_else(PoisonError::into_inner);
            elements.copy_from_slice(&std::mem::take(&mut *tile));
            return Ok(0);
        }
        let len = elements.len();
        let mut rest = elements;
        for window in self.windows(tile, 0, len) {
            let (now, later) = rest.split_at_mut(window.len());
            let view = ArrayViewMutD::from_shape(window.shape.clone(), now);
            io.read(self.store, &window, view.expect("as many as the window has"), Order::C)?;
            rest = later;
        }
        Ok(len as u64)
    }

    /// Puts a row of a tile that was read block by block together.
    pub(crate) fn gather_row(&self, rows: usize, row: usize, blocks: &[T], to: &mut [T]) {
        let mut rest = blocks;
        for tile in 0..self.cuts.column_tiles() {
            let (_, columns) = self.cuts.columns(tile);
            let (block, later) = rest.split_at(rows * columns.len());
            let (begin, len) = (row * columns.len(), columns.len());
            to[columns].copy_from_slice(&block[begin..begin + len]);
            rest = later;
        }
    }

    /// Takes the rows of a tile apart into blocks, on all threads of the current pool.
    pub(crate) fn scatter_rows(&self, count: usize, rows: &[T], blocks: &mut [T]) {
        let Cuts { len, width, .. } = *self.cuts;
        // All tiles of columns but the last are of one width.
        let blocks = blocks.par_chunks_mut(count * width).enumerate();
        blocks.for_each(|(tile, block)| {
            let columns = block.len() / count;
            for (to, row) in block.chunks_mut(columns).zip(rows.chunks(len)) {
                to.copy_from_slice(&row[tile * width..tile * width + columns]);
            }
        });
    }
}

impl<T> Durable for Between<'_, T> {
    fn sync(&self) -> Result<()> {
        Ok(WriteShared::sync(self.store)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cuts(count: usize, height: usize, mirrored: bool, len: usize) -> Cuts {
        let rows = RowTiles { mirrored, ..RowTiles::new(count, height) };
        let (width, mirrored) = (1, false);
        Cuts { matrices: 1, rows, len, width, mirrored, pitch: len, kept_from: rows.len() }
    }

    proptest! {
        #[test]
        fn consecutive_windows_are_consecutive_elements(
            (rows, columns) in (1_usize..6, 1_usize..6),
            ends in (0_usize..36, 0_usize..36),
        ) {
            let len = rows * columns;
            let (start, end) = (ends.0.min(ends.1).min(len), ends.0.max(ends.1).min(len));
            let cuts = cuts(rows, 1, false, columns);
            let windows: Vec<_> = cuts.consecutive(0, start..end).collect();
            prop_assert!(windows.len() <= 3);
            let found: Vec<_> = windows.iter().flat_map(|window| {
                let (origin, shape) = (window.origin.clone(), window.shape.clone());
                ndarray::indices(shape).into_iter().map(move |at| {
                    (origin[1] + at[1]) * columns + origin[2] + at[2]
                })
            }).collect();
            prop_assert_eq!(found, (start..end).collect::<Vec<_>>());
        }

        #[test]
        fn row_tiles_cover_every_row_once(count in 1_usize..40, height in 1_usize..12, mirrored: bool) {
            let lead = if mirrored { 0 } else { height / 2 };
            let rows = RowTiles { mirrored, lead, ..RowTiles::new(count, height) };
            let mut next = 0;
            for tile in 0..rows.len() {
                let range = rows.range(tile);
                prop_assert_eq!(range.start, next);
                prop_assert!(!range.is_empty() && range.len() <= rows.tallest());
                if mirrored {
                    let mirror = rows.range(rows.mirror(tile));
                    let rows_of = |range: Range<usize>| range.map(|row| (count - row) % count);
                    let mut found: Vec<_> = rows_of(range.clone()).collect();
                    found.sort_unstable();
                    prop_assert_eq!(found, mirror.collect::<Vec<_>>());
                }
                next = range.end;
            }
            prop_assert_eq!(next, count);
        }
    }
}
