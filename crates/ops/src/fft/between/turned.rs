//! Row tiles that are read turned: what lies along a row is put along a column.
//!
//! ```text
//!     blocks, as they lie         turned
//!     ┌──────┬──────┐             ┌───────┐
//!     │ a b  │ c d  │             │ a a a │ ◀ of the first row, the second, the third
//!     │ a b  │ c d  │    ───▶     │ b b b │
//!     │ a b  │ c d  │             │ c c c │
//!     └──────┴──────┘             │ d d d │
//!                                 └───────┘
//! ```
//!
//! A tile that was turned in memory would be there twice. So some rows of all blocks are read at a time, and
//! worked on and put in their places by the thread that has read them, while the others wait for the disk.

use ndarray::{ArrayView2, ArrayViewMut2, ArrayViewMutD, Axis};
use outcore_storage::Element;
use rayon::prelude::*;
use std::ops::Range;

use super::Between;
use crate::Result;
use crate::store::{copy_transposed, piece_bytes};
use crate::tile::PerThread;
use crate::transfer::{IO_THREADS, Io};

/// Rows that are put in their places together: of `f32` they make a cache line.
const ROWS: usize = 16;
/// The part of a tile that rows which are worked on together are at most, if they are more than one.
const PART: usize = 64;

/// How row tiles are turned.
pub(crate) struct Turn<T> {
    /// The rows that are turned together.
    rows: usize,
    /// Of each thread that reads: what is read at a time, and whole rows.
    scratch: PerThread<(Vec<T>, Vec<T>)>,
}

/// The rows of a tile that are turned together, and the elements of what a thread holds of them.
fn lens<T>(count: usize, len: usize) -> (usize, [usize; 2]) {
    let piece = piece_bytes(count * len * size_of::<T>()) / size_of::<T>();
    let rows = (count / PART).clamp(1, ROWS);
    (rows, [piece.min(rows * len), rows * len])
}

/// The bytes that turning a tile of so many rows of a length takes besides the tile.
pub(crate) fn turn_bytes<T>(count: usize, len: usize) -> u64 {
    let (_, lens) = lens::<T>(count, len);
    (lens.iter().sum::<usize>() * IO_THREADS * size_of::<T>()) as u64
}

impl<T: Element> Turn<T> {
    /// For tiles of so many rows of a length.
    pub(crate) fn new(count: usize, len: usize) -> Self {
        let (rows, lens) = lens::<T>(count, len);
        let zeros = |len| vec![T::default(); len];
        let scratch = PerThread::new(IO_THREADS, || (zeros(lens[0]), zeros(lens[1])));
        Self { rows, scratch }
    }
}

impl<T: Element> Between<'_, T> {
    /// Reads a row tile, turned, and does something with each of its rows; returns the number of elements.
    pub(crate) fn read_rows_turned(
        &self,
        tile: usize,
        elements: &mut [T],
        turn: &Turn<T>,
        each: &(dyn Fn(&mut [T]) + Sync),
        io: &Io,
    ) -> Result<u64> {
        let (len, count) = (self.cuts.len, self.cuts.rows(tile).1.len());
        let mut turned = ArrayViewMut2::from_shape((len, count), elements).expect("as many");
        let parts = turned.axis_chunks_iter_mut(Axis(1), turn.rows).into_par_iter();
        let read = |(number, part): (usize, ArrayViewMut2<'_, T>)| {
            let first = number * turn.rows;
            let rows = first..first + part.ncols();
            turn.scratch
                .with(|(piece, whole)| self.read_part(tile, rows, (piece, whole), each, part))
        };
        io.run(|| parts.enumerate().map(read).try_reduce(|| 0, |one, other| Ok(one + other)))
    }

    /// Reads rows, does something with each, and puts them in their places.
    fn read_part(
        &self,
        tile: usize,
        rows: Range<usize>,
        (piece, whole): (&mut [T], &mut [T]),
        each: &(dyn Fn(&mut [T]) + Sync),
        mut turned: ArrayViewMut2<'_, T>,
    ) -> Result<u64> {
        let len = self.cuts.len;
        let whole = &mut whole[..rows.len() * len];
        let read = self.read_pieces(tile, &rows, piece, |[row, column, width], piece| {
            for (to, from) in whole[row * len..].chunks_mut(len).zip(piece.chunks_exact(width)) {
                to[column..column + width].copy_from_slice(from);
            }
        })?;
        whole.chunks_exact_mut(len).for_each(each);
        let whole = ArrayView2::from_shape((rows.len(), len), whole).expect("whole rows");
        copy_transposed(&whole.t(), &mut turned);
        Ok(read)
    }

    /// Reads rows of all blocks, as many as a piece has room for, or a part of one; each piece begins at a
    /// row and a column, and has a width.
    fn read_pieces(
        &self,
        tile: usize,
        rows: &Range<usize>,
        piece: &mut [T],
        mut then: impl FnMut([usize; 3], &[T]),
    ) -> Result<u64> {
        let count = self.cuts.rows(tile).1.len();
        let mut read = 0;
        for columns in (0..self.cuts.column_tiles()).map(|tile| self.cuts.columns(tile).1) {
            let (at_once, most) = ((piece.len() / columns.len()).max(1), piece.len());
            for row in rows.clone().step_by(at_once) {
                let height = at_once.min(rows.end - row);
                for column in columns.clone().step_by(most) {
                    let width = most.min(columns.end - column);
                    let piece = &mut piece[..height * width];
                    let first = columns.start * count + row * columns.len();
                    read += self.read_elements(tile, first + column - columns.start, piece)?;
                    then([row - rows.start, column, width], piece);
                }
            }
        }
        Ok(read)
    }

    /// Reads elements of a row tile, which is not kept in memory, as they lie; returns how many.
    fn read_elements(&self, tile: usize, first: usize, elements: &mut [T]) -> Result<u64> {
        let len = elements.len();
        let mut rest = elements;
        for window in self.windows(tile, first, len) {
            let (now, later) = rest.split_at_mut(window.len());
            let view = ArrayViewMutD::from_shape(window.shape.clone(), now);
            self.store.read_tile(&window, view.expect("as many as the window has"))?;
            rest = later;
        }
        Ok(len as u64)
    }
}
