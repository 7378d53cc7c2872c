//! The second pass: rows of the spectrum of pairs, written as columns of pairs of real numbers.

use ndarray::{ArrayViewD, IxDyn};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order, Window};

use crate::Result;
use crate::fft::between::{Between, Cuts, Turn};
use crate::fourier::Real;
use crate::lanes::{FourStep, LaneScratch};
use crate::stream::{Durable, Pass, Resume};
use crate::transfer::{Io, WriteShared};

pub(super) struct RealRows<'a, T: Real> {
    pub(super) cuts: &'a Cuts,
    pub(super) slots: usize,
    pub(super) between: &'a Between<'a, Complex<T>>,
    /// Real numbers, in rows of twice as many as there are pairs.
    pub(super) sink: &'a dyn WriteShared<T, IxDyn>,
    pub(super) fft: &'a FourStep<T>,
    pub(super) scale: T,
    pub(super) scratch: LaneScratch<T>,
    pub(super) turn: Turn<Complex<T>>,
}

impl<T: Real + Element> RealRows<'_, T>
where
    Complex<T>: Element,
{
    /// The numbers of a tile of rows, turned.
    fn window(&self, index: usize) -> Window<IxDyn> {
        let (matrix, rows) = self.cuts.rows(index);
        let origin = IxDyn(&[matrix, 0, 2 * rows.start]);
        Window::new(origin, IxDyn(&[1, self.cuts.len, 2 * rows.len()]))
    }

    fn transform(&self, lane: &mut [Complex<T>]) {
        self.fft.apply_to_row(lane, &self.scratch);
        if self.scale != T::one() {
            for z in lane {
                *z = z.scale(self.scale);
            }
        }
    }
}

impl<T: Real + Element> Resume for RealRows<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<T: Real + Element> Pass for RealRows<'_, T>
where
    Complex<T>: Element,
{
    type Slot = Buffer<T>;

    fn tiles(&self) -> usize {
        self.cuts.all_row_tiles()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        Buffer::new(2 * self.cuts.rows.tallest() * self.cuts.len, self.sink.layout().offset())
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let tile = T::pairs(&mut slot[..self.window(index).len()]);
        let each = |lane: &mut [Complex<T>]| self.transform(lane);
        let read = self.between.read_rows_turned(index, tile, &self.turn, &each, io)?;
        Ok(read * size_of::<Complex<T>>() as u64)
    }

    /// It is done while rows are read.
    fn compute(&self, _: usize, _: &mut Self::Slot) {}

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.window(index);
        let view = ArrayViewD::from_shape(window.shape.clone(), &slot[..window.len()]);
        io.write(self.sink, &window, view.expect("columns"), Order::C)?;
        Ok((window.len() * size_of::<T>()) as u64)
    }
}
