//! The passes: tiles that are whole along some axes; whole columns; whole rows.

use ndarray::{ArrayViewD, IxDyn};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order, Source};
use rayon::prelude::*;
use std::ops::Range;

use super::axes::inner_len;
use super::between::{Between, Cuts};
use crate::Result;
use crate::fourier::Real;
use crate::lanes::{LaneScratch, Lanes};
use crate::plan::slots;
use crate::stream::{Durable, Pass, Resume};
use crate::tile::Tile;
use crate::transfer::{Io, WriteShared};

/// Transforms along some axes of a tile, one after another.
pub(crate) struct Transforms<T: Real> {
    lanes: Vec<Lanes<T>>,
    scratch: LaneScratch<T>,
}

impl<T: Real> Transforms<T>
where
    Complex<T>: Element,
{
    /// For tiles of a shape at most; the axes of the transforms are those of the tile.
    pub(crate) fn new(lanes: Vec<Lanes<T>>, tile: &[usize], threads: usize) -> Self {
        let lens = lanes.iter().map(|lanes| (lanes.len(), inner_len(tile, lanes.axis())));
        let scratch = LaneScratch::new(threads, lens);
        Self { lanes, scratch }
    }

    /// Transforms a tile in C order, on all threads of the current pool.
    pub(crate) fn apply(&self, tile: &mut Tile<'_, Complex<T>, IxDyn>) {
        for lanes in &self.lanes {
            lanes.apply(tile, &self.scratch);
        }
    }

    /// The same of the elements of a tile of a shape.
    pub(crate) fn apply_to(&self, shape: &[usize], elements: &mut [Complex<T>]) {
        self.apply(&mut Tile::of_shape(&IxDyn(shape), elements, Order::C));
    }

    /// As the work of a pass over columns, which have some axes.
    pub(crate) fn of_columns<'a>(self, axes: &'a [usize]) -> OnColumns<'a, T>
    where
        T: 'a,
    {
        Box::new(move |columns, tile| self.apply_to(&[axes, &[columns.len()]].concat(), tile))
    }

    /// The transform along rows of one axis, each done by one thread.
    fn of_rows(&self) -> Option<&Lanes<T>> {
        let [lanes] = &self.lanes[..] else { return None };
        (lanes.axis() == 1 && lanes.is_whole()).then_some(lanes)
    }
}

/// Work on a tile of some of the columns, with the scratch memory for it, which is free after the pass.
pub(crate) type OnColumns<'a, T> = Box<dyn Fn(Range<usize>, &mut [Complex<T>]) + Sync + 'a>;

/// The first of two passes: windows of whole columns.
pub(crate) struct Columns<'a, T: Real> {
    pub(crate) cuts: &'a Cuts,
    pub(crate) slots: usize,
    pub(crate) source: &'a dyn Source<Complex<T>, IxDyn>,
    pub(crate) between: &'a Between<'a, Complex<T>>,
    pub(crate) work: OnColumns<'a, T>,
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
        (self.work)(self.cuts.columns(index).1, slot);
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let len = self.cuts.column_window(index).len();
        let written = self.between.write_columns(index, &slot[..len], io)?;
        Ok(written * size_of::<Complex<T>>() as u64)
    }
}

/// The second of two passes: whole rows, put together from blocks.
pub(crate) struct Rows<'a, T: Real> {
    pub(crate) cuts: &'a Cuts,
    pub(crate) between: &'a Between<'a, Complex<T>>,
    pub(crate) sink: &'a dyn WriteShared<Complex<T>, IxDyn>,
    /// The axes of a row.
    pub(crate) axes: &'a [usize],
    pub(crate) transforms: Transforms<T>,
    /// The bytes of an element where it is written.
    pub(crate) written: u64,
}

/// A row tile as it was read, and with its rows put together where it was read in blocks of several.
pub(crate) struct RowSlot<T> {
    blocks: Buffer<T>,
    rows: Option<Buffer<T>>,
}

impl<T: Real> Rows<'_, T>
where
    Complex<T>: Element,
{
    fn len(&self, index: usize) -> usize {
        self.cuts.rows(index).1.len() * self.cuts.len
    }
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
        self.cuts.all_row_tiles()
    }

    fn slots(&self) -> usize {
        slots(self.tiles())
    }

    fn slot(&self) -> Self::Slot {
        let height = self.cuts.rows.tallest();
        let buffer = |offset| Buffer::new(height * self.cuts.len, offset);
        let rows = (height > 1).then(|| buffer(self.sink.layout().offset()));
        RowSlot { blocks: buffer(self.between.offset()), rows }
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let read = self.between.read_rows(index, &mut slot.blocks[..self.len(index)], io)?;
        Ok(read * size_of::<Complex<T>>() as u64)
    }

    fn compute(&self, index: usize, slot: &mut Self::Slot) {
        let (count, len) = (self.cuts.rows(index).1.len(), self.cuts.len);
        let mut shape = vec![count];
        shape.extend(self.axes);
        let shape = IxDyn(&shape);
        let blocks = &mut slot.blocks[..count * len];
        let Some(rows) = &mut slot.rows else {
            return self.transforms.apply(&mut Tile::of_shape(&shape, blocks, Order::C));
        };
        let rows = &mut rows[..count * len];
        // A row that is a single lane is transformed while it is in cache.
        let lanes = self.transforms.of_rows().filter(|_| self.axes.len() == 1);
        rows.par_chunks_mut(len).enumerate().for_each(|(row, to)| {
            self.between.gather_row(count, row, blocks, to);
            if let Some(lanes) = lanes {
                lanes.apply_to_lane(to, &self.transforms.scratch);
            }
        });
        if lanes.is_none() {
            self.transforms.apply(&mut Tile::of_shape(&shape, rows, Order::C));
        }
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.cuts.row_window(index, self.cuts.len);
        let rows = slot.rows.as_ref().unwrap_or(&slot.blocks);
        let view = ArrayViewD::from_shape(window.shape.clone(), &rows[..window.len()]);
        io.write(self.sink, &window, view.expect("whole rows"), Order::C)?;
        Ok(window.len() as u64 * self.written)
    }
}
