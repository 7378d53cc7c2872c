//! Strips of a matrix: neighbouring columns, each of which is contiguous in memory.
//!
//! ```text
//!     a matrix in its file           a strip in memory
//!     ┌────┬────┬────┐               ┌─────────────┐
//!     │    │a b │    │    read       │ a a a a a a │
//!     │    │a b │    │   ─────▶      │ b b b b b b │
//!     │    │a b │    │   ◀─────      └─────────────┘
//!     └────┴────┴────┘    write
//! ```
//!
//! A thread turns some rows that it has read, or is about to write, while the others wait for the disk: so the
//! strip is in memory once, and a column is transformed where it lies, out of cache lines that it fills.

use ndarray::{ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, Axis, IxDyn};
use outcore_storage::{Element, Source, Window};
use rayon::prelude::*;
use std::ops::Range;

use crate::Result;
use crate::store::{copy_transposed, piece_bytes};
use crate::tile::PerThread;
use crate::transfer::{IO_THREADS, Io, WriteShared};

/// Rows that are turned together, so that whole cache lines of each column are written or read.
const ROWS: usize = 16;

/// What the threads that read and write strips hold: a piece each.
pub(super) struct Turned<T>(PerThread<Vec<T>>);

/// The elements of a piece of a strip of so many.
fn piece_len<T>(strip: usize) -> usize {
    (piece_bytes(strip.saturating_mul(size_of::<T>())) / size_of::<T>()).max(ROWS)
}

/// The bytes that all threads hold for strips of so many elements.
pub(super) fn turned_bytes<T>(strip: usize) -> u64 {
    (IO_THREADS * piece_len::<T>(strip) * size_of::<T>()) as u64
}

/// The rows and columns of the pieces of a strip.
fn piece_shape(piece: usize, rows: usize, columns: usize) -> [usize; 2] {
    let height = (piece / columns.max(1)).max(ROWS).clamp(1, rows.max(1));
    [height, (piece / height).clamp(1, columns.max(1))]
}

/// A part of a window of a matrix.
fn part(
    of: &Window<IxDyn>,
    [row, column]: [usize; 2],
    (height, width): (usize, usize),
) -> Window<IxDyn> {
    let origin = IxDyn(&[of.origin[0], of.origin[1] + row, of.origin[2] + column]);
    Window::new(origin, IxDyn(&[1, height, width]))
}

impl<T: Element> Turned<T> {
    /// For strips of at most so many elements.
    pub(super) fn new(strip: usize) -> Self {
        Self(PerThread::new(IO_THREADS, || vec![T::default(); piece_len::<T>(strip)]))
    }

    /// Reads a window of one matrix, whose columns become rows: the first ones in one view, the others in
    /// another.
    pub(super) fn read(
        &self,
        source: &dyn Source<T, IxDyn>,
        window: &Window<IxDyn>,
        [mut first, mut second]: [ArrayViewMut2<'_, T>; 2],
        io: &Io,
    ) -> Result<()> {
        let (rows, columns) = (window.shape[1], window.shape[2]);
        let [height, width] = piece_shape(piece_len::<T>(rows * columns), rows, columns);
        let halves = first
            .axis_chunks_iter_mut(Axis(1), height)
            .into_par_iter()
            .zip(second.axis_chunks_iter_mut(Axis(1), height).into_par_iter());
        let read = |(number, (mut first, mut second)): (usize, (ArrayViewMut2<'_, T>, _))| {
            let second: &mut ArrayViewMut2<'_, T> = &mut second;
            self.0.with(|piece| {
                for columns in pieces(columns, width) {
                    let size = (second.ncols(), columns.len());
                    let window = part(window, [number * height, columns.start], size);
                    let piece = &mut piece[..window.len()];
                    let view = ArrayViewMutD::from_shape(window.shape.clone(), piece);
                    source.read_tile(&window, view.expect("a piece"))?;
                    let from = ArrayView2::from_shape(size, piece).expect("a piece");
                    let [here, there] = split(&columns, first.nrows());
                    let (one, other) = from.split_at(Axis(1), here.len());
                    copy_transposed(&one.t(), &mut first.slice_axis_mut(Axis(0), here.into()));
                    copy_transposed(&other.t(), &mut second.slice_axis_mut(Axis(0), there.into()));
                }
                Ok(())
            })
        };
        io.run(|| halves.enumerate().try_for_each(read))
    }

    /// Writes rows, those of one view and then of another, as the columns of a window of one matrix.
    pub(super) fn write(
        &self,
        sink: &dyn WriteShared<T, IxDyn>,
        window: &Window<IxDyn>,
        [first, second]: [ArrayView2<'_, T>; 2],
        io: &Io,
    ) -> Result<()> {
        let (rows, columns) = (window.shape[1], window.shape[2]);
        let [height, width] = piece_shape(piece_len::<T>(rows * columns), rows, columns);
        let halves = first
            .axis_chunks_iter(Axis(1), height)
            .into_par_iter()
            .zip(second.axis_chunks_iter(Axis(1), height).into_par_iter());
        let write = |(number, (first, second)): (usize, (ArrayView2<'_, T>, ArrayView2<'_, T>))| {
            self.0.with(|piece| {
                for columns in pieces(columns, width) {
                    let size = (second.ncols(), columns.len());
                    let window = part(window, [number * height, columns.start], size);
                    let piece = &mut piece[..window.len()];
                    let to = ArrayViewMut2::from_shape(size, &mut *piece).expect("a piece");
                    let [here, there] = split(&columns, first.nrows());
                    let (mut one, mut other) = to.split_at(Axis(1), here.len());
                    copy_transposed(&first.slice_axis(Axis(0), here.into()).t(), &mut one);
                    copy_transposed(&second.slice_axis(Axis(0), there.into()).t(), &mut other);
                    let view = ArrayViewD::from_shape(window.shape.clone(), piece);
                    sink.write(&window, view.expect("a piece"))?;
                }
                Ok(())
            })
        };
        io.run(|| halves.enumerate().try_for_each(write))
    }
}

/// So many columns, a width at a time.
fn pieces(columns: usize, width: usize) -> impl Iterator<Item = Range<usize>> {
    (0..columns).step_by(width).map(move |start| start..columns.min(start + width))
}

/// The places of columns in the first half, which has so many, and in the second.
fn split(columns: &Range<usize>, first: usize) -> [Range<usize>; 2] {
    let [start, end] = [columns.start, columns.end].map(|column| column.min(first));
    [start..end, columns.start.max(first) - first..columns.end.max(first) - first]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::Shared;
    use ndarray::ArrayD;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn columns_are_contiguous_and_come_back(
            (rows, columns, first) in (
                prop_oneof![1_usize..40, 1000_usize..1500],
                prop_oneof![1_usize..20, 300_usize..400],
                0_usize..30,
            ),
            (before, after) in (0_usize..3, 0_usize..3),
        ) {
            let shape = IxDyn(&[2, rows, before + columns + after]);
            let mut index = 0_u32;
            let matrix = ArrayD::from_shape_simple_fn(shape.clone(), || { index += 1; index });
            let window = Window::new(IxDyn(&[1, 0, before]), IxDyn(&[1, rows, columns]));
            let (io, turned) = (Io::new().unwrap(), Turned::new(window.len()));
            let mut lanes = vec![0; window.len()];
            let first = first.min(columns);
            let view = ArrayViewMut2::from_shape((columns, rows), &mut lanes[..]).unwrap();
            let (one, other) = view.split_at(Axis(0), first);
            turned.read(&matrix, &window, [one, other], &io).unwrap();
            let of = |row, column| matrix[[1, row, before + column]];
            let expected = (0..columns).flat_map(|column| (0..rows).map(move |row| of(row, column)));
            prop_assert!(lanes.iter().copied().eq(expected));

            let mut back = ArrayD::zeros(shape);
            let lanes = ArrayView2::from_shape((columns, rows), &lanes).unwrap();
            let (one, other) = lanes.split_at(Axis(0), first);
            turned.write(&Shared::new(&mut back), &window, [one, other], &io).unwrap();
            for ((at, &found), &was) in back.indexed_iter().zip(&matrix) {
                let within = at[0] == 1 && (before..before + columns).contains(&at[2]);
                prop_assert_eq!(found, if within { was } else { 0 });
            }
        }
    }
}
