//! The first pass over long lanes of real numbers: columns of pairs, and the factors in between.

use ndarray::IxDyn;
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order, Source};

use crate::Result;
use crate::fft::between::{Between, Cuts};
use crate::fourier::Real;
use crate::lanes::{FourStep, LaneScratch};
use crate::stream::{Durable, Pass, Resume};
use crate::tile::Tile;
use crate::transfer::Io;

pub(super) struct LongColumns<'a, T: Real> {
    pub(super) cuts: &'a Cuts,
    pub(super) slots: usize,
    pub(super) source: &'a dyn Source<Complex<T>, IxDyn>,
    pub(super) between: &'a Between<'a, Complex<T>>,
    pub(super) fft: &'a FourStep<T>,
    pub(super) scratch: LaneScratch<T>,
}

impl<T: Real> Resume for LongColumns<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(self.between)
    }
}

impl<T: Real> Pass for LongColumns<'_, T>
where
    Complex<T>: Element,
{
    type Slot = Buffer<Complex<T>>;

    fn tiles(&self) -> usize {
        self.cuts.all_column_tiles()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        Buffer::new(self.cuts.rows.count * self.cuts.width, self.source.layout().offset())
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.cuts.column_window(index);
        let mut tile = Tile::new(&window, slot, Order::C);
        Ok(io.read(self.source, &window, tile.view_mut(), Order::C)?)
    }

    fn compute(&self, index: usize, slot: &mut Self::Slot) {
        let (_, columns) = self.cuts.columns(index);
        let shape = IxDyn(&[self.cuts.rows.count, columns.len()]);
        let mut tile = Tile::of_shape(&shape, slot, Order::C);
        tile.par_lanes_mut(0, self.scratch.gathered(), |number, lane| {
            self.fft.apply_to_column(columns.start + number, lane, &self.scratch);
        });
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let len = self.cuts.column_window(index).len();
        let written = self.between.write_columns(index, &slot[..len], io)?;
        Ok(written * size_of::<Complex<T>>() as u64)
    }
}
