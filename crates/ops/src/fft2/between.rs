//! What lies between the two passes, and where.
//!
//! The first pass makes whole columns, the second needs whole rows. Where the array between them may
//! be arranged at will, the bytes of each row tile hold its blocks one after another:
//!
//! ```text
//!     the array, in blocks           the same bytes between the passes
//!     ┌────┬────┬────┐               ┌─────────────────────┐
//!     │ A0 │ A1 │ A2 │ ◀ row tile A  │ A0 A0 │ A1 A1 │ A2… │ ◀ row tile A, at its place
//!     ├────┼────┼────┤               ├─────────────────────┤
//!     │ B0 │ B1 │ B2 │ ◀ row tile B  │ B0 B0 │ B1 B1 │ B2… │ ◀ row tile B
//!     └────┴────┴────┘               └─────────────────────┘
//!       ▲ a tile of columns: A0 B0
//! ```
//!
//! The first pass writes each block in one run, the second reads a row tile in one run, puts its
//! rows together in memory and writes them where it has read them: of four transfers, only the
//! first, from the source, has short runs. An array that is transformed in place has no room for
//! that: its unread columns are in the way, so there rows stay rows.
//!
//! The last row tiles are not written at all but kept in memory, as many as the budget leaves.

use ndarray::{ArrayView2, ArrayViewMut2, Ix2, ShapeBuilder};
use outcore_storage::{Element, Order, Source, Stored, Window};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::Result;
use crate::stream::Durable;
use crate::tiling::Tiling;
use crate::transfer::{Io, WriteShared};

/// What the first pass writes and the second reads.
pub(super) trait Store<T>: Source<T, Ix2> + WriteShared<T, Ix2> {}

impl<T, S: Source<T, Ix2> + WriteShared<T, Ix2>> Store<T> for S {}

/// How the array is cut by the two passes. Rows are what is contiguous in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Cuts {
    pub(super) columns: Tiling<Ix2>,
    pub(super) rows: Tiling<Ix2>,
    pub(super) order: Order,
    pub(super) slow: usize,
    pub(super) fast: usize,
    /// Row tiles from this one on are kept in memory.
    pub(super) kept_from: usize,
}

impl Cuts {
    /// The columns of a tile of the first pass.
    pub(super) fn columns(&self, tile: usize) -> Range<usize> {
        range(&self.columns.window(tile), self.fast)
    }

    /// The rows of a tile of the second pass.
    pub(super) fn rows(&self, tile: usize) -> Range<usize> {
        range(&self.rows.window(tile), self.slow)
    }

    /// The length of a row.
    fn row_len(&self) -> usize {
        self.rows.tile()[self.fast]
    }

    /// The rows that are not kept in memory between the passes.
    pub(super) fn stored_rows(&self) -> usize {
        self.kept_from.checked_sub(1).map_or(0, |last| self.rows(last).end)
    }

    fn window(&self, rows: &Range<usize>, columns: &Range<usize>) -> Window<Ix2> {
        let mut window = Window::whole(Ix2(0, 0));
        for (axis, range) in [(self.slow, rows), (self.fast, columns)] {
            window.origin[axis] = range.start;
            window.shape[axis] = range.len();
        }
        window
    }

    /// The windows that hold elements which follow each other in the order of the file: the end of a
    /// row, whole rows, the beginning of a row.
    fn consecutive(&self, elements: Range<usize>) -> impl Iterator<Item = Window<Ix2>> {
        let len = self.row_len();
        let mut start = elements.start;
        std::iter::from_fn(move || {
            let left = elements.end - start;
            if left == 0 {
                return None;
            }
            let (row, column) = (start / len, start % len);
            let window = if column == 0 && left >= len {
                self.window(&(row..row + left / len), &(0..len))
            } else {
                self.window(&(row..row + 1), &(column..len.min(column + left)))
            };
            start += window.len();
            Some(window)
        })
    }
}

fn range(window: &Window<Ix2>, axis: usize) -> Range<usize> {
    window.origin[axis]..window.origin[axis] + window.shape[axis]
}

/// The array between the passes.
pub(super) struct Between<'a, T> {
    store: &'a dyn Store<T>,
    cuts: &'a Cuts,
    in_blocks: bool,
    /// The row tiles that are kept, as they would lie in the store.
    kept: Vec<Mutex<Vec<T>>>,
    /// The row tiles, from the first one on, that an earlier run has finished.
    finished: usize,
}

impl<'a, T: Element> Between<'a, T> {
    /// Blocks one after another in each row tile, or rows as they are. The row tiles that an earlier
    /// run has finished are left alone.
    pub(super) fn new(
        store: &'a dyn Store<T>,
        cuts: &'a Cuts,
        in_blocks: bool,
        finished: usize,
    ) -> Self {
        let kept = (cuts.kept_from..cuts.rows.len()).map(|_| Mutex::new(Vec::new())).collect();
        Self { store, cuts, in_blocks, kept, finished }
    }

    /// The first byte of the array in its file.
    pub(super) fn offset(&self) -> u64 {
        Stored::layout(self.store).offset()
    }

    /// Whether row tiles hold blocks.
    pub(super) fn is_in_blocks(&self) -> bool {
        self.in_blocks
    }

    /// Writes a tile of whole columns; returns the number of elements that left memory.
    pub(super) fn write_columns(&self, tile: usize, elements: &[T], io: &Io) -> Result<u64> {
        let columns = self.cuts.columns(tile);
        io.each(self.cuts.rows.len() - self.finished, |row_tile| {
            let row_tile = self.finished + row_tile;
            let rows = self.cuts.rows(row_tile);
            let block = &elements[rows.start * columns.len()..rows.end * columns.len()];
            if let Some(kept) = row_tile.checked_sub(self.cuts.kept_from) {
                self.keep(kept, &rows, &columns, block);
                return Ok(());
            }
            if !self.in_blocks {
                return self.write(&self.cuts.window(&rows, &columns), block, elements.len(), io);
            }
            let start = rows.start * self.cuts.row_len() + columns.start * rows.len();
            let mut rest = block;
            for window in self.cuts.consecutive(start..start + block.len()) {
                let (now, later) = rest.split_at(window.len());
                self.write(&window, now, elements.len(), io)?;
                rest = later;
            }
            Ok(())
        })?;
        let finished = self.finished.checked_sub(1).map_or(0, |last| self.cuts.rows(last).end);
        Ok((self.cuts.stored_rows().saturating_sub(finished) * columns.len()) as u64)
    }

    /// Puts a block where it belongs in a row tile that is kept.
    fn keep(&self, kept: usize, rows: &Range<usize>, columns: &Range<usize>, block: &[T]) {
        let mut tile = self.kept[kept].lock().unwrap_or_else(PoisonError::into_inner);
        tile.resize(rows.len() * self.cuts.row_len(), T::default());
        if self.in_blocks {
            tile[columns.start * rows.len()..][..block.len()].copy_from_slice(block);
            return;
        }
        let rows = tile.chunks_exact_mut(self.cuts.row_len());
        for (row, part) in rows.zip(block.chunks_exact(columns.len())) {
            row[columns.clone()].copy_from_slice(part);
        }
    }

    /// Reads a row tile as it lies; returns the number of elements that came from outside memory.
    pub(super) fn read_rows(&self, tile: usize, elements: &mut [T], io: &Io) -> Result<u64> {
        if let Some(kept) = tile.checked_sub(self.cuts.kept_from) {
            // It is needed once: its memory is free from here on.
            let mut tile = self.kept[kept].lock().unwrap_or_else(PoisonError::into_inner);
            elements.copy_from_slice(&std::mem::take(&mut *tile));
            return Ok(0);
        }
        let window = self.cuts.rows.window(tile);
        let shape = window.shape.set_f(self.cuts.order == Order::F);
        let view = ArrayViewMut2::from_shape(shape, elements).expect("a whole row tile");
        io.read(self.store, &window, view, self.cuts.order)?;
        Ok(window.len() as u64)
    }

    /// Puts a row of a tile that was read block by block together.
    pub(super) fn gather_row(&self, rows: usize, row: usize, blocks: &[T], to: &mut [T]) {
        let mut rest = blocks;
        for tile in 0..self.cuts.columns.len() {
            let columns = self.cuts.columns(tile);
            let (block, later) = rest.split_at(rows * columns.len());
            let (begin, len) = (row * columns.len(), columns.len());
            to[columns].copy_from_slice(&block[begin..begin + len]);
            rest = later;
        }
    }

    /// Writes a part of a tile of `tile_len` elements.
    fn write(&self, window: &Window<Ix2>, elements: &[T], tile_len: usize, io: &Io) -> Result<()> {
        let shape = window.shape.set_f(self.cuts.order == Order::F);
        let view = ArrayView2::from_shape(shape, elements).expect("as many as the window has");
        Ok(io.write_part(self.store, window, view, self.cuts.order, tile_len)?)
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
    use ndarray::Array2;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn consecutive_windows_are_consecutive_elements(
            (rows, columns) in (1_usize..6, 1_usize..6),
            ends in (0_usize..36, 0_usize..36),
        ) {
            let tiling = |tile| Tiling::new(Ix2(rows, columns), tile, Order::C);
            let cuts = Cuts {
                columns: tiling(Ix2(rows, 1)),
                rows: tiling(Ix2(1, columns)),
                order: Order::C,
                slow: 0,
                fast: 1,
                kept_from: rows,
            };
            let len = rows * columns;
            let (start, end) = (ends.0.min(ends.1).min(len), ends.0.max(ends.1).min(len));
            let numbered = Array2::from_shape_fn((rows, columns), |(i, j)| i * columns + j);
            let windows: Vec<_> = cuts.consecutive(start..end).collect();
            prop_assert!(windows.len() <= 3);
            let found: Vec<_> = windows.iter().flat_map(|window| {
                numbered.slice_each_axis(|axis| window.slice(axis.axis.index())).into_iter().copied()
                    .collect::<Vec<_>>()
            }).collect();
            prop_assert_eq!(found, (start..end).collect::<Vec<_>>());
        }
    }
}
