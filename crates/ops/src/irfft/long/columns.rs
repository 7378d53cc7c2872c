//! The first pass: columns of a half spectrum, each with the column of opposite number, which become columns
//! of the spectrum of pairs and are transformed.

use ndarray::IxDyn;
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order, Runs, Source};

use crate::Result;
use crate::fft::between::{Between, Cuts};
use crate::fourier::Real;
use crate::lanes::{FourStep, Halves, LaneScratch, joined, joined_ends};
use crate::stream::{Durable, Pass, Resume};
use crate::tile::Tile;
use crate::transfer::Io;

pub(super) struct HalfColumns<'a, T: Real> {
    pub(super) cuts: &'a Cuts,
    pub(super) slots: usize,
    /// The half spectra without their last elements.
    pub(super) source: &'a dyn Source<Complex<T>, IxDyn>,
    pub(super) between: &'a Between<'a, Complex<T>>,
    pub(super) fft: &'a FourStep<T>,
    pub(super) halves: Halves,
    pub(super) scratch: LaneScratch<T>,
}

impl<T: Real> Resume for HalfColumns<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(self.between)
    }
}

impl<T: Real> Pass for HalfColumns<'_, T>
where
    Complex<T>: Element,
{
    /// Tiles of columns, one after another, and the last element of a half spectrum.
    type Slot = (Buffer<Complex<T>>, Complex<T>);

    fn tiles(&self) -> usize {
        self.cuts.matrices * self.cuts.column_ranges().pair_count()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let len = self.cuts.column_ranges().tallest_pair() * self.cuts.rows.count;
        (Buffer::new(len, self.source.layout().offset()), Complex::default())
    }

    fn read(&self, index: usize, (slot, last): &mut Self::Slot, io: &Io) -> Result<u64> {
        let matrix = index / self.cuts.column_ranges().pair_count();
        let (mut rest, mut read) = (&mut slot[..], 0);
        for (tile, columns) in self.cuts.column_ranges().pair(index) {
            let window = self.cuts.column_window(tile);
            let (now, later) = rest.split_at_mut(window.len());
            let mut tile = Tile::new(&window, now, Order::C);
            read += io.read(self.source, &window, tile.view_mut(), Order::C)?;
            if columns.start == 0 {
                let end = self.cuts.len * self.cuts.rows.count;
                let run = Runs::one(matrix * (end + 1) + end, 1);
                self.source.read_runs(run, std::slice::from_mut(last))?;
                read += self.source.layout().element_bytes() as u64;
            }
            rest = later;
        }
        Ok(read)
    }

    fn compute(&self, index: usize, (slot, last): &mut Self::Slot) {
        let len = self.cuts.rows.count;
        let columns = || self.cuts.column_ranges().pair(index).map(|(_, columns)| columns);
        if columns().any(|columns| columns.start == 0) {
            slot[0] = joined_ends(slot[0], *last);
        }
        self.halves.in_tiles(columns(), slot, joined);
        let mut rest = &mut slot[..];
        for columns in columns() {
            let (now, later) = rest.split_at_mut(columns.len() * len);
            self.fft.apply_to_columns(columns, now, &self.scratch);
            rest = later;
        }
    }

    fn write(&self, index: usize, (slot, _): &mut Self::Slot, io: &Io) -> Result<u64> {
        let (mut rest, mut written) = (&slot[..], 0);
        for (tile, columns) in self.cuts.column_ranges().pair(index) {
            let (now, later) = rest.split_at(columns.len() * self.cuts.rows.count);
            written += self.between.write_columns(tile, now, io)?;
            rest = later;
        }
        Ok(written * size_of::<Complex<T>>() as u64)
    }
}
