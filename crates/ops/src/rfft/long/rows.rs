//! The second pass: rows of pairs, each with the row of opposite number, written as columns of the half
//! spectrum.

use ndarray::{ArrayViewD, IxDyn};
use num_complex::Complex;
use outcore_storage::Order;
use outcore_storage::{Buffer, Element, Runs, Window};
use rayon::prelude::*;
use std::ops::Range;

use crate::Result;
use crate::fft::between::{Between, Cuts, Turn};
use crate::fourier::Real;
use crate::lanes::{FourStep, Halves, LaneScratch, ends, parted};
use crate::rfft::pairs::{count, most_rows, tiles};
use crate::stream::{Durable, Pass, Resume};
use crate::transfer::{Io, WriteShared};

pub(super) struct HalfRows<'a, T: Real> {
    pub(super) cuts: &'a Cuts,
    pub(super) slots: usize,
    pub(super) between: &'a Between<'a, Complex<T>>,
    /// The half spectra without their last elements.
    pub(super) sink: &'a dyn WriteShared<Complex<T>, IxDyn>,
    pub(super) fft: &'a FourStep<T>,
    pub(super) halves: Halves,
    pub(super) scale: T,
    pub(super) scratch: LaneScratch<T>,
    pub(super) turn: Turn<Complex<T>>,
}

impl<T: Real> HalfRows<'_, T>
where
    Complex<T>: Element,
{
    /// The matrix of a pair of tiles; the tiles, each with its rows.
    fn parts(&self, index: usize) -> (usize, Vec<(usize, Range<usize>)>) {
        let rows = self.cuts.rows;
        let (matrix, pair) = (index / count(rows), index % count(rows));
        let parts = tiles(rows, pair).map(|tile| (matrix * rows.len() + tile, rows.range(tile)));
        (matrix, parts.collect())
    }

    fn pair(&self, one: Complex<T>, other: Complex<T>, root: Complex<T>) -> [Complex<T>; 2] {
        parted(one, other, root, self.scale)
    }

    /// Row 0, whose opposite elements are in itself; returns the last element of the half spectrum.
    fn first(&self, row: &mut [Complex<T>]) -> Complex<T> {
        let [first, last] = ends(row[0], self.scale);
        row[0] = first;
        let side = (row.len() - 1) / 2;
        let (low, rest) = row[1..].split_at_mut(side);
        let (middle, high) = rest.split_at_mut(rest.len() - side);
        let pair = |one, other, root| self.pair(one, other, root);
        if let [middle] = middle {
            self.halves.middle((side + 1, 0), middle, pair);
        }
        for (number, (low, high)) in low.chunks_mut(1).zip(high.rchunks_mut(1)).enumerate() {
            self.halves.each((number + 1, 0), low, high, pair);
        }
        last
    }

    /// Rows of which each has its opposite among them, turned.
    fn middle(&self, rows: &Range<usize>, tile: &mut [Complex<T>]) {
        let (first, height, len) = (rows.start, rows.len(), self.cuts.len);
        let side = len / 2 * height;
        let (low, rest) = tile.split_at_mut(side);
        let (row, high) = rest.split_at_mut(rest.len() - side);
        let pair = |one, other, root| self.pair(one, other, root);
        let parts = low.par_chunks_mut(height).zip(high.par_rchunks_mut(height)).enumerate();
        parts.for_each(|(number, (low, high))| {
            self.halves.each((number, first), low, high, pair);
        });
        if row.is_empty() {
            return;
        }
        let (low, rest) = row.split_at_mut(height / 2);
        let (middle, high) = rest.split_at_mut(height % 2);
        self.halves.each((len / 2, first), low, high, pair);
        if let [middle] = middle {
            self.halves.middle((len / 2, first + height / 2), middle, pair);
        }
    }

    /// Rows and the opposite ones, both turned.
    fn both(&self, starts: [usize; 2], one: &mut [Complex<T>], other: &mut [Complex<T>]) {
        let len = self.cuts.len;
        let height = one.len() / len;
        let pair = |one, other, root| self.pair(one, other, root);
        let parts = one.par_chunks_mut(height).zip(other.par_rchunks_mut(height)).enumerate();
        parts.for_each(|(number, (one, other))| {
            let opposite = len - 1 - number;
            if number <= opposite {
                self.halves.each((number, starts[0]), one, other, pair);
            } else {
                self.halves.each((opposite, starts[1]), other, one, pair);
            }
        });
    }
}

impl<T: Real> Resume for HalfRows<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<T: Real> Pass for HalfRows<'_, T>
where
    Complex<T>: Element,
{
    /// Turned tiles of rows, one after another, and the last element of a half spectrum.
    type Slot = (Buffer<Complex<T>>, Complex<T>);

    fn tiles(&self) -> usize {
        self.cuts.matrices * count(self.cuts.rows)
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let len = most_rows(self.cuts.rows) * self.cuts.len;
        (Buffer::new(len, self.between.offset()), Complex::default())
    }

    fn read(&self, index: usize, (slot, _): &mut Self::Slot, io: &Io) -> Result<u64> {
        let (mut rest, mut read) = (&mut slot[..], 0);
        let each = |lane: &mut [Complex<T>]| self.fft.apply_to_row(lane, &self.scratch);
        for (tile, rows) in self.parts(index).1 {
            let (now, later) = rest.split_at_mut(rows.len() * self.cuts.len);
            read += self.between.read_rows_turned(tile, now, &self.turn, &each, io)?;
            rest = later;
        }
        Ok(read * size_of::<Complex<T>>() as u64)
    }

    fn compute(&self, index: usize, (slot, last): &mut Self::Slot) {
        let len = self.cuts.len;
        match &self.parts(index).1[..] {
            [(_, rows)] if rows.start == 0 => *last = self.first(&mut slot[..len]),
            [(_, rows)] => self.middle(rows, &mut slot[..rows.len() * len]),
            [(_, one), (_, other)] => {
                let (low, rest) = slot.split_at_mut(one.len() * len);
                self.both([one.start, other.start], low, &mut rest[..other.len() * len]);
            }
            _ => unreachable!("one tile or two"),
        }
    }

    fn write(&self, index: usize, (slot, last): &mut Self::Slot, io: &Io) -> Result<u64> {
        let (len, (matrix, parts)) = (self.cuts.len, self.parts(index));
        let (mut rest, mut written) = (&slot[..], 0);
        for (_, rows) in parts {
            let (now, later) = rest.split_at(rows.len() * len);
            let origin = IxDyn(&[matrix, 0, rows.start]);
            let window = Window::new(origin, IxDyn(&[1, len, rows.len()]));
            let view = ArrayViewD::from_shape(window.shape.clone(), now);
            io.write(self.sink, &window, view.expect("columns"), Order::C)?;
            written += now.len();
            if rows.start == 0 {
                let end = len * self.cuts.rows.count;
                let run = Runs::one(matrix * (end + 1) + end, 1);
                self.sink.write_runs(run, std::slice::from_ref(last))?;
                written += 1;
            }
            rest = later;
        }
        Ok((written * size_of::<Complex<T>>()) as u64)
    }
}
