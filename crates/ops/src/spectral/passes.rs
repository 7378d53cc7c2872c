//! The three passes over an array that exceeds the budget: rows, columns, rows.
//!
//! ```text
//!     source            blocks                 blocks                sink
//!     ┌───────────┐     ┌───────────────┐      ┌───────────────┐     ┌───────────┐
//!     │ ▸ ▸ ▸ ▸ ▸ │ ──▶ │ A0 A0 │ A1 A1 │ ──▶  │ A0 A0 │ A1 A1 │ ──▶ │ ◂ ◂ ◂ ◂ ◂ │
//!     ├───────────┤     ├───────────────┤      ├───────────────┤     ├───────────┤
//!     │           │     │ B0 B0 │ B1 B1 │      │ B0 B0 │ B1 B1 │     │           │
//!     └───────────┘     └───────────────┘      └───────────────┘     └───────────┘
//!       rows forward      columns A0 B0: forward, times H, back        rows back
//! ```
//!
//! Every row tile lies in blocks at its own place, and columns are worked on where they lie. So rows are
//! read and written in one run each, and columns in runs of a block.

use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order, Source};
use rayon::prelude::*;

use super::ColumnFactor;
use super::frame::Frame;
use super::transforms::Transforms;
use crate::Result;
use crate::fft::between::{Between, Cuts};
use crate::fourier::Real;
use crate::plan::slots;
use crate::signal::{Halves, Signal};
use crate::stream::{Durable, Pass, Resume};
use crate::transfer::{Io, WriteShared};

/// Rows as they are read or written, as spectra, and where there are several in a tile, in blocks.
pub(super) struct RowSlot<A: Signal> {
    signal: Buffer<A>,
    rows: Buffer<Complex<A::Real>>,
    blocks: Option<Buffer<Complex<A::Real>>>,
}

/// What both passes over rows know.
pub(super) struct Rows<'a, A: Signal> {
    pub(super) cuts: &'a Cuts,
    pub(super) between: &'a Between<'a, Complex<A::Real>>,
    /// The rows that are read, or written.
    pub(super) frame: &'a Frame,
    /// The length of a row that is read, or written.
    pub(super) len: usize,
    /// The axes of the spectrum of a row.
    pub(super) axes: &'a [usize],
    pub(super) transforms: Transforms<A::Real>,
    pub(super) halves: Option<Halves<A::Real>>,
}

impl<A: Signal> Rows<'_, A>
where
    Complex<A::Real>: Element,
{
    /// The number of rows of a tile.
    fn height(&self, tile: usize) -> usize {
        self.cuts.rows(tile).1.len()
    }

    /// Whether a tile has rows that are used.
    fn is_used(&self, tile: usize) -> bool {
        self.frame.count(self.cuts.rows(tile).1) > 0
    }

    fn slot(&self, offset: u64) -> RowSlot<A> {
        let height = self.cuts.rows.tallest();
        let between = self.between.offset();
        let several = height > 1;
        RowSlot {
            signal: Buffer::new(height * self.len, offset),
            rows: Buffer::new(height * self.cuts.len, if several { 0 } else { between }),
            blocks: several.then(|| Buffer::new(height * self.cuts.len, between)),
        }
    }

    /// The shape of the spectra of a tile.
    fn shape(&self, height: usize) -> IxDyn {
        IxDyn(&[&[height], self.axes].concat())
    }

    fn spectrum_bytes(elements: u64) -> u64 {
        elements * size_of::<Complex<A::Real>>() as u64
    }
}

/// The first pass: rows of the source, forward, to blocks.
pub(super) struct RowsForward<'a, A: Signal> {
    pub(super) rows: Rows<'a, A>,
    pub(super) source: &'a dyn Source<A, IxDyn>,
}

impl<A: Signal> Resume for RowsForward<'_, A>
where
    Complex<A::Real>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(self.rows.between)
    }
}

impl<A: Signal> Pass for RowsForward<'_, A>
where
    Complex<A::Real>: Element,
{
    type Slot = RowSlot<A>;

    fn tiles(&self) -> usize {
        self.rows.cuts.all_row_tiles()
    }

    fn slots(&self) -> usize {
        slots(self.tiles())
    }

    fn slot(&self) -> Self::Slot {
        self.rows.slot(self.source.layout().offset())
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        if !self.rows.is_used(index) {
            return Ok(0);
        }
        let window = self.rows.cuts.row_window(index, self.rows.len);
        let tile = &mut slot.signal[..window.len()];
        let view = ArrayViewMutD::from_shape(window.shape.clone(), tile).expect("whole rows");
        Ok(io.read(self.source, &window, view, Order::C)?)
    }

    fn compute(&self, index: usize, slot: &mut Self::Slot) {
        if !self.rows.is_used(index) {
            return;
        }
        let height = self.rows.height(index);
        let signal = &mut slot.signal[..height * self.rows.len];
        let rows = &mut slot.rows[..height * self.rows.cuts.len];
        A::to_spectrum(self.rows.halves.as_ref(), signal, rows);
        self.rows.transforms.forward(&self.rows.shape(height), rows);
        if let Some(blocks) = &mut slot.blocks {
            self.rows.between.scatter_rows(height, rows, &mut blocks[..rows.len()]);
        }
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        if !self.rows.is_used(index) {
            return Ok(0);
        }
        let len = self.rows.height(index) * self.rows.cuts.len;
        let blocks = slot.blocks.as_ref().unwrap_or(&slot.rows);
        let written = self.rows.between.write_rows(index, &blocks[..len], io)?;
        Ok(Rows::<A>::spectrum_bytes(written))
    }
}

/// The last pass: rows from blocks, back, to the sink.
pub(super) struct RowsBack<'a, A: Signal> {
    pub(super) rows: Rows<'a, A>,
    pub(super) sink: &'a dyn WriteShared<A, IxDyn>,
    /// The elements of a row that the sink takes.
    pub(super) taken: usize,
}

impl<A: Signal> Resume for RowsBack<'_, A>
where
    Complex<A::Real>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<A: Signal> Pass for RowsBack<'_, A>
where
    Complex<A::Real>: Element,
{
    type Slot = RowSlot<A>;

    fn tiles(&self) -> usize {
        self.rows.cuts.all_row_tiles()
    }

    fn slots(&self) -> usize {
        slots(self.tiles())
    }

    fn slot(&self) -> Self::Slot {
        self.rows.slot(self.sink.layout().offset())
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        if !self.rows.is_used(index) {
            return Ok(0);
        }
        let len = self.rows.height(index) * self.rows.cuts.len;
        let blocks = slot.blocks.as_mut().unwrap_or(&mut slot.rows);
        let read = self.rows.between.read_rows(index, &mut blocks[..len], io)?;
        Ok(Rows::<A>::spectrum_bytes(read))
    }

    fn compute(&self, index: usize, slot: &mut Self::Slot) {
        if !self.rows.is_used(index) {
            return;
        }
        let (height, len) = (self.rows.height(index), self.rows.cuts.len);
        let rows = &mut slot.rows[..height * len];
        if let Some(blocks) = &slot.blocks {
            rows.par_chunks_mut(len).enumerate().for_each(|(row, to)| {
                self.rows.between.gather_row(height, row, &blocks[..height * len], to);
            });
        }
        self.rows.transforms.back(&self.rows.shape(height), rows);
        let signal = &mut slot.signal[..height * self.rows.len];
        A::from_spectrum(self.rows.halves.as_ref(), rows, signal);
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        if !self.rows.is_used(index) {
            return Ok(0);
        }
        let window = self.rows.cuts.row_window(index, self.rows.len);
        let tile = &slot.signal[..window.len()];
        let view = ArrayViewD::from_shape(window.shape.clone(), tile).expect("whole rows");
        io.write(self.sink, &window, view, Order::C)?;
        let rows = self.rows.frame.count(self.rows.cuts.rows(index).1);
        Ok((rows * self.taken * size_of::<A>()) as u64)
    }
}

/// Blocks with the rows of them that are not zero.
pub(super) struct Stored<'a, T> {
    pub(super) blocks: &'a Between<'a, Complex<T>>,
    pub(super) cuts: &'a Cuts,
    pub(super) frame: &'a Frame,
}

impl<T: Real> Stored<'_, T>
where
    Complex<T>: Element,
{
    /// Reads a tile of columns; what is below the last row is zero.
    pub(super) fn read(&self, tile: usize, elements: &mut [Complex<T>], io: &Io) -> Result<u64> {
        let (_, columns) = self.cuts.columns(tile);
        let (stored, below) = elements.split_at_mut(self.cuts.rows.count * columns.len());
        below.fill(Complex::default());
        let used = |tile: usize| self.frame.count(self.cuts.rows(tile).1) > 0;
        self.blocks.read_columns(tile, stored, io, &used)
    }
}

/// What the spectrum of a tile of columns is multiplied by.
pub(super) enum Factor<'a, T> {
    /// A function of where the tile begins, and its columns.
    Response(&'a dyn ColumnFactor<T>),
    /// Another spectrum.
    Spectrum(Stored<'a, T>),
}

/// The pass in the middle: columns forward, times a factor, and back, in place.
pub(super) struct Columns<'a, T: Real> {
    pub(super) slots: usize,
    pub(super) source: Stored<'a, T>,
    pub(super) factor: Factor<'a, T>,
    /// The rows that are needed afterwards.
    pub(super) needed: &'a Frame,
    /// The axes of a column.
    pub(super) axes: &'a [usize],
    pub(super) transforms: Transforms<T>,
}

impl<T: Real> Columns<'_, T>
where
    Complex<T>: Element,
{
    fn len(&self, tile: usize) -> usize {
        self.source.cuts.column_window(tile).len()
    }

    fn shape(&self, tile: usize) -> IxDyn {
        let (_, columns) = self.source.cuts.columns(tile);
        IxDyn(&[self.axes, &[columns.len()]].concat())
    }
}

impl<T: Real> Resume for Columns<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(self.source.blocks)
    }
}

/// A tile of columns, and the same of the factor.
type ColumnSlot<T> = (Buffer<Complex<T>>, Option<Buffer<Complex<T>>>);

impl<T: Real> Pass for Columns<'_, T>
where
    Complex<T>: Element,
{
    type Slot = ColumnSlot<T>;

    fn tiles(&self) -> usize {
        self.source.cuts.all_column_tiles()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let cuts = self.source.cuts;
        let buffer = || Buffer::new(cuts.rows.count * cuts.width, self.source.blocks.offset());
        let factor = matches!(self.factor, Factor::Spectrum(_)).then(buffer);
        (buffer(), factor)
    }

    fn read(&self, index: usize, (tile, factor): &mut Self::Slot, io: &Io) -> Result<u64> {
        let len = self.len(index);
        let mut read = self.source.read(index, &mut tile[..len], io)?;
        if let (Factor::Spectrum(spectrum), Some(factor)) = (&self.factor, factor) {
            read += spectrum.read(index, &mut factor[..len], io)?;
        }
        Ok(read * size_of::<Complex<T>>() as u64)
    }

    fn compute(&self, index: usize, (tile, factor): &mut Self::Slot) {
        let (len, shape) = (self.len(index), self.shape(index));
        let (_, columns) = self.source.cuts.columns(index);
        let tile = &mut tile[..len];
        if let Factor::Response(response) = &self.factor {
            // A column that is a single lane stays in cache for all that is done with it.
            let done = self.transforms.forward_and_back(&shape, tile, &|column, lane| {
                response.multiply_lane(lane, columns.start + column);
            });
            if done {
                return;
            }
        }
        self.transforms.forward(&shape, tile);
        match (&self.factor, factor) {
            (Factor::Response(response), _) => {
                response.multiply_tile(tile, columns.start, columns.len());
            }
            (Factor::Spectrum(_), Some(factor)) => {
                let factor = &mut factor[..len];
                self.transforms.forward(&shape, factor);
                multiply(tile, factor);
            }
            (Factor::Spectrum(_), None) => {}
        }
        self.transforms.back(&shape, tile);
    }

    fn write(&self, index: usize, (tile, _): &mut Self::Slot, io: &Io) -> Result<u64> {
        let cuts = self.source.cuts;
        let needed = |tile: usize| self.needed.count(cuts.rows(tile).1) > 0;
        let tile = &tile[..self.len(index)];
        let written = self.source.blocks.write_columns_of(index, tile, io, &needed)?;
        Ok(written * size_of::<Complex<T>>() as u64)
    }
}

/// Elements that a thread multiplies at a time.
const MULTIPLIED: usize = 1 << 14;

/// Multiplies elements by others, on all threads of the current pool.
pub(super) fn multiply<T: Real>(elements: &mut [Complex<T>], others: &[Complex<T>])
where
    Complex<T>: Element,
{
    let parts = elements.par_chunks_mut(MULTIPLIED).zip(others.par_chunks(MULTIPLIED));
    parts.for_each(|(elements, others)| {
        elements.iter_mut().zip(others).for_each(|(x, &y)| *x = *x * y);
    });
}
