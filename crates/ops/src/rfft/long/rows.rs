//! The second pass: rows of pairs, each with the row of opposite number, written as columns of the half
//! spectrum.

use ndarray::{ArrayViewD, IxDyn};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order, Runs, Window};

use crate::Result;
use crate::fft::between::{Between, Cuts, Turn};
use crate::fourier::Real;
use crate::lanes::{FourStep, Halves, LaneScratch, ends, parted};
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
        self.cuts.matrices * self.cuts.rows.pair_count()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let len = self.cuts.rows.tallest_pair() * self.cuts.len;
        (Buffer::new(len, self.between.offset()), Complex::default())
    }

    fn read(&self, index: usize, (slot, _): &mut Self::Slot, io: &Io) -> Result<u64> {
        let (mut rest, mut read) = (&mut slot[..], 0);
        let each = |lane: &mut [Complex<T>]| self.fft.apply_to_row(lane, &self.scratch);
        for (tile, rows) in self.cuts.rows.pair(index) {
            let (now, later) = rest.split_at_mut(rows.len() * self.cuts.len);
            read += self.between.read_rows_turned(tile, now, &self.turn, &each, io)?;
            rest = later;
        }
        Ok(read * size_of::<Complex<T>>() as u64)
    }

    fn compute(&self, index: usize, (slot, last): &mut Self::Slot) {
        let rows = || self.cuts.rows.pair(index).map(|(_, rows)| rows);
        if rows().any(|rows| rows.start == 0) {
            [slot[0], *last] = ends(slot[0], self.scale);
        }
        let pair = |one, other, root| parted(one, other, root, self.scale);
        self.halves.in_tiles(rows(), slot, pair);
    }

    fn write(&self, index: usize, (slot, last): &mut Self::Slot, io: &Io) -> Result<u64> {
        let (len, matrix) = (self.cuts.len, index / self.cuts.rows.pair_count());
        let (mut rest, mut written) = (&slot[..], 0);
        for (_, rows) in self.cuts.rows.pair(index) {
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
