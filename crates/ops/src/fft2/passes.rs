//! The two passes: whole columns, then whole rows.

use ndarray::{ArrayView2, Dimension, Ix2, ShapeBuilder};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order, Source};
use rayon::prelude::*;

use super::between::{Between, Cuts};
use crate::Result;
use crate::fourier::Real;
use crate::lanes::{LaneScratch, Lanes};
use crate::stream::{Durable, Pass, Resume};
use crate::tile::Tile;
use crate::transfer::{Io, WriteShared};

/// The first pass: windows of whole columns, transformed along the slow axis.
pub(super) struct Columns<'a, T: Real> {
    pub(super) cuts: &'a Cuts,
    pub(super) slots: usize,
    pub(super) source: &'a dyn Source<Complex<T>, Ix2>,
    pub(super) between: &'a Between<'a, Complex<T>>,
    pub(super) lanes: &'a Lanes<T>,
    pub(super) scratch: LaneScratch<T>,
}

impl<T: Real> Resume for Columns<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(self.between)
    }
}

impl<T: Real> Pass for Columns<'_, T>
where
    Complex<T>: Element,
{
    type Slot = Buffer<Complex<T>>;

    fn tiles(&self) -> usize {
        self.cuts.columns.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        Buffer::new(self.cuts.columns.tile().size(), self.source.layout().offset())
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.cuts.columns.window(index);
        let mut tile = Tile::new(&window, slot, self.cuts.order);
        Ok(io.read(self.source, &window, tile.view_mut(), self.cuts.order)?)
    }

    fn compute(&self, index: usize, slot: &mut Self::Slot) {
        let window = self.cuts.columns.window(index);
        self.lanes.apply(&mut Tile::new(&window, slot, self.cuts.order), &self.scratch);
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let len = self.cuts.columns.window(index).len();
        let written = self.between.write_columns(index, &slot[..len], io)?;
        Ok(written * size_of::<Complex<T>>() as u64)
    }
}

/// The second pass: whole rows, put together from blocks and transformed along the fast axis.
pub(super) struct Rows<'a, T: Real> {
    pub(super) cuts: &'a Cuts,
    pub(super) slots: usize,
    pub(super) between: &'a Between<'a, Complex<T>>,
    pub(super) sink: &'a dyn WriteShared<Complex<T>, Ix2>,
    pub(super) lanes: &'a Lanes<T>,
    pub(super) scratch: LaneScratch<T>,
    /// The bytes of an element where it is written.
    pub(super) written: u64,
}

/// A row tile as it was read, and with its rows put together where it was read in blocks of several.
pub(super) struct RowSlot<T> {
    blocks: Buffer<T>,
    rows: Option<Buffer<T>>,
}

impl<T: Real> Resume for Rows<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<T: Real> Pass for Rows<'_, T>
where
    Complex<T>: Element,
{
    type Slot = RowSlot<Complex<T>>;

    fn tiles(&self) -> usize {
        self.cuts.rows.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let buffer = |offset| Buffer::new(self.cuts.rows.tile().size(), offset);
        let several = self.cuts.rows.tile()[self.cuts.slow] > 1;
        let apart = several && self.between.is_in_blocks();
        let rows = || buffer(self.sink.layout().offset());
        RowSlot { blocks: buffer(self.between.offset()), rows: apart.then(rows) }
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let len = self.cuts.rows.window(index).len();
        let read = self.between.read_rows(index, &mut slot.blocks[..len], io)?;
        Ok(read * size_of::<Complex<T>>() as u64)
    }

    fn compute(&self, index: usize, slot: &mut Self::Slot) {
        let window = self.cuts.rows.window(index);
        let (count, len) = (window.shape[self.cuts.slow], window.shape[self.cuts.fast]);
        let blocks = &mut slot.blocks[..count * len];
        let Some(rows) = &mut slot.rows else {
            return self
                .lanes
                .apply(&mut Tile::new(&window, blocks, self.cuts.order), &self.scratch);
        };
        rows[..count * len].par_chunks_mut(len).enumerate().for_each(|(row, lane)| {
            self.between.gather_row(count, row, blocks, lane);
            self.lanes.apply_to_lane(lane, &self.scratch);
        });
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.cuts.rows.window(index);
        let rows = slot.rows.as_ref().unwrap_or(&slot.blocks);
        let shape = window.shape.set_f(self.cuts.order == Order::F);
        let view = ArrayView2::from_shape(shape, &rows[..window.len()]).expect("whole rows");
        io.write(self.sink, &window, view, self.cuts.order)?;
        Ok(window.len() as u64 * self.written)
    }
}
