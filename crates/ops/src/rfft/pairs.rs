//! From the transformed columns of packed real numbers to the half spectrum: rows in pairs.
//!
//! ```text
//!     columns 2j and 2j+1 as one       rows k and -k of it            half spectrum
//!     ┌─────────────┐                  ┌─────────────┐                ┌───────┐
//!     │ ▾ ▾ ▾ ▾ ▾ ▾ │        k         │ z z z z z z │  ──▶ one lane  │ X[k]  │
//!     │ ▾ ▾ ▾ ▾ ▾ ▾ │  ──▶             │             │      of N  ──▶ │       │
//!     │ ▾ ▾ ▾ ▾ ▾ ▾ │       -k         │ z z z z z z │                │ X[-k] │
//!     └─────────────┘                  └─────────────┘                └───────┘
//! ```
//!
//! The transform of two real columns as one complex column is z = a + i b, and of real columns a[-k] is
//! the conjugate of a[k]: so a[k] = (z[k] + conj z[-k]) / 2 and b[k] = (z[k] - conj z[-k]) / 2i (Press et
//! al., "Numerical Recipes", section 12.3). One transform along the row then gives row k of the spectrum,
//! and its conjugate backwards row -k: real numbers take half the transfers and half the work.

use ndarray::{ArrayViewD, IxDyn};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

use crate::Result;
use crate::fft::between::{Between, Cuts};
use crate::fft::passes::Transforms;
use crate::fourier::Real;
use crate::lanes::{LaneScratch, Lanes, cost, half};
use crate::plan::slots;
use crate::stream::{Durable, Pass, Resume};
use crate::tile::{PerThread, Tile};
use crate::transfer::{Io, WriteShared};

/// Makes rows of half spectra from pairs of packed rows.
pub(super) struct Pairs<T: Real> {
    lanes: Lanes<T>,
    scratch: LaneScratch<T>,
    lane: PerThread<Vec<Complex<T>>>,
    /// The transforms along the other axes of a row: of rows, and those axes.
    rest: Transforms<T>,
}

/// Upper bounds of what the transform of lanes holds, in elements: tables, and for each thread.
pub(super) fn pairs_cost(len: usize) -> (u64, u64) {
    let (tables, scratch) = cost(len);
    (tables, scratch.saturating_add(len as u64))
}

impl<T: Real> Pairs<T>
where
    Complex<T>: Element,
{
    pub(super) fn new(lanes: Lanes<T>, rest: Transforms<T>, threads: usize) -> Self {
        let len = lanes.len();
        // Lanes of any length are one thread's work here.
        let scratch = LaneScratch::of_lens(threads, 0, cost(len).1);
        let lane = PerThread::new(threads, || vec![Complex::default(); len]);
        Self { lanes, scratch, lane, rest }
    }

    /// Of rows that are followed by those of opposite frequency, in reverse order; `shape` is that of
    /// the packed rows.
    pub(super) fn apply(&self, shape: &[usize], rows: &[Complex<T>], to: &mut [Complex<T>]) {
        let count = shape[0];
        let (len, made) = (rows.len() / count, to.len() / count);
        let (first, last) = to.split_at_mut(count.div_ceil(2) * made);
        let pairs = first.par_chunks_mut(made).enumerate();
        // A row in the middle is its own opposite.
        let (row, opposite) =
            (|k| &rows[k * len..][..len], |k| &rows[(count - 1 - k) * len..][..len]);
        if count.is_multiple_of(2) {
            pairs.zip(last.par_chunks_mut(made).rev()).for_each(|((k, to), other)| {
                self.apply_to_rows(row(k), opposite(k), to, Some(other));
            });
        } else {
            let others = last.par_chunks_mut(made).rev().map(Some).chain(rayon::iter::once(None));
            pairs.zip(others).for_each(|((k, to), other)| {
                self.apply_to_rows(row(k), opposite(k), to, other);
            });
        }
        let mut shape = shape.to_vec();
        *shape.last_mut().expect("rows have an axis") = half(self.lanes.len());
        self.rest.apply(&mut Tile::of_shape(&IxDyn(&shape), to, Order::C));
    }

    /// Every lane of a row and of the opposite one.
    fn apply_to_rows(
        &self,
        row: &[Complex<T>],
        opposite: &[Complex<T>],
        to: &mut [Complex<T>],
        other: Option<&mut [Complex<T>]>,
    ) {
        let len = self.lanes.len();
        let (packed, made) = (len.div_ceil(2), half(len));
        let lanes = row.par_chunks(packed).zip(opposite.par_chunks(packed));
        let lanes = lanes.zip(to.par_chunks_mut(made));
        if let Some(other) = other {
            lanes.zip(other.par_chunks_mut(made)).for_each(|(((row, opposite), to), other)| {
                self.lane.with(|lane| {
                    self.transform(row, opposite, lane);
                    to.copy_from_slice(&lane[..made]);
                    other[0] = lane[0].conj();
                    let backwards = lane[len - (made - 1)..].iter().rev();
                    other[1..].iter_mut().zip(backwards).for_each(|(to, x)| *to = x.conj());
                });
            });
        } else {
            lanes.for_each(|((row, opposite), to)| {
                self.lane.with(|lane| {
                    self.transform(row, opposite, lane);
                    to.copy_from_slice(&lane[..made]);
                });
            });
        }
    }

    /// The transform along the row of two rows of packed columns.
    fn transform(&self, row: &[Complex<T>], opposite: &[Complex<T>], lane: &mut [Complex<T>]) {
        let two = T::one() + T::one();
        for ((pair, &z), &w) in lane.chunks_mut(2).zip(row).zip(opposite) {
            let (a, b) = (z + w.conj(), z - w.conj());
            pair[0] = a / two;
            if let Some(odd) = pair.get_mut(1) {
                *odd = Complex::new(b.im, -b.re) / two;
            }
        }
        self.lanes.apply_to_lane(lane, &self.scratch);
    }
}

/// The second pass: pairs of row tiles, put together from blocks.
pub(super) struct PairRows<'a, T: Real> {
    pub(super) cuts: &'a Cuts,
    pub(super) between: &'a Between<'a, Complex<T>>,
    pub(super) sink: &'a dyn WriteShared<Complex<T>, IxDyn>,
    /// The axes of a packed row.
    pub(super) axes: &'a [usize],
    pub(super) pairs: Pairs<T>,
    /// Packed rows, where they were read in blocks of several.
    pub(super) gathered: Mutex<Vec<Complex<T>>>,
}

impl<T: Real> Resume for PairRows<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<T: Real> Pass for PairRows<'_, T>
where
    Complex<T>: Element,
{
    type Slot = (Buffer<Complex<T>>, Buffer<Complex<T>>);

    fn tiles(&self) -> usize {
        self.cuts.matrices * self.cuts.rows.pair_count()
    }

    fn slots(&self) -> usize {
        slots(self.tiles())
    }

    fn slot(&self) -> Self::Slot {
        let rows = self.cuts.rows.tallest_pair();
        let blocks = Buffer::new(rows * self.cuts.len, self.between.offset());
        (blocks, Buffer::new(rows * self.cuts.pitch, self.sink.layout().offset()))
    }

    fn read(&self, index: usize, (blocks, _): &mut Self::Slot, io: &Io) -> Result<u64> {
        let (mut begin, mut read) = (0, 0);
        for (tile, rows) in self.cuts.rows.pair(index) {
            let end = begin + rows.len() * self.cuts.len;
            read += self.between.read_rows(tile, &mut blocks[begin..end], io)?;
            begin = end;
        }
        Ok(read * size_of::<Complex<T>>() as u64)
    }

    fn compute(&self, index: usize, (blocks, to): &mut Self::Slot) {
        let (height, len) = (self.cuts.rows.pair_height(index), self.cuts.len);
        let mut shape = vec![height];
        shape.extend(self.axes);
        let to = &mut to[..height * self.cuts.pitch];
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        if gathered.is_empty() {
            return self.pairs.apply(&shape, &blocks[..height * len], to);
        }
        let mut begin = 0;
        for (_, rows) in self.cuts.rows.pair(index) {
            let blocks = &blocks[begin * len..][..rows.len() * len];
            let to = &mut gathered[begin * len..][..rows.len() * len];
            to.par_chunks_mut(len).enumerate().for_each(|(row, to)| {
                self.between.gather_row(rows.len(), row, blocks, to);
            });
            begin += rows.len();
        }
        self.pairs.apply(&shape, &gathered[..height * len], to);
    }

    fn write(&self, index: usize, (_, from): &mut Self::Slot, io: &Io) -> Result<u64> {
        let mut begin = 0;
        for (tile, rows) in self.cuts.rows.pair(index) {
            let end = begin + rows.len() * self.cuts.pitch;
            let window = self.cuts.row_window(tile, self.cuts.pitch);
            let view = ArrayViewD::from_shape(window.shape.clone(), &from[begin..end]);
            io.write(self.sink, &window, view.expect("whole rows"), Order::C)?;
            begin = end;
        }
        Ok((begin * size_of::<Complex<T>>()) as u64)
    }
}
