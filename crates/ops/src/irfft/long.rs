//! Lanes of real numbers that are longer than memory, from the halves of their spectra.
//!
//! ```text
//!     half spectrum, as N1 x N2,        between the passes,     pairs, as N2 x N1
//!     and one element more              in blocks               ┌─────┬─────┬─────┐
//!     ┌─┬────┬────┬────┬────┐  pass 1   ┌──────────────┐ pass 2 │ n1  │     │     │
//!     │0│ ▾▾ │    │    │ ▾▾ │ ────────▶ ├──────────────┤ ─────▶ │ n1  │     │     │
//!     │ │ ▾▾ │    │    │ ▾▾ │           ├──────────────┤        │ n1  │     │     │
//!     └─┴────┴────┴────┴────┘           └──────────────┘        └─────┴─────┴─────┘
//! ```
//!
//! An element of the spectrum of pairs needs two of opposite frequency, which are in columns of opposite
//! numbers: so a tile of the first pass has both. The arithmetic is that of `lanes/long_real.rs`, and so is
//! each bit.

mod columns;
mod rows;

use ndarray::Dimension;
use num_complex::Complex;
use outcore_storage::{Element, Source, Stored};

use self::columns::HalfColumns;
use self::rows::RealRows;
use crate::fft::axes::Axes;
use crate::fft::between::{Between, Cuts, RowTiles, Store, Turn};
use crate::fft::in_shape::InShape;
use crate::fft::long::paged_rows;
use crate::fft::reals::{Cut, Lens, Reals, best_rows};
use crate::fft::{Home, repeated};
use crate::fourier::{Direction, Real};
use crate::lanes::{FourStep, Halves, LaneScratch, cost, half};
use crate::plan::{PassPlan, Run, greatest};
use crate::tile::gathered_len;
use crate::transfer::WriteShared;
use crate::{Resources, Result};

/// How long lanes are cut.
#[derive(Clone, Debug)]
pub(super) struct Long(Cut);

/// What a plan is made from.
pub(super) struct LongRequest<T> {
    reals: Reals<T>,
    /// The first byte of the array in its file.
    offset: u64,
}

impl<T: Real> LongRequest<T>
where
    Complex<T>: Element,
{
    /// `None` if lanes of so many numbers are not cut in two.
    pub(super) fn new<D: Dimension>(
        axes: &Axes,
        source: &(impl Stored<D> + ?Sized),
        len: usize,
        resources: Resources,
    ) -> Option<Self> {
        let layout = source.layout();
        let read = (layout.element_bytes() as u64, source.copies());
        let reals = Reals::new(axes, source, len, read, resources)?;
        Some(Self { reals, offset: layout.offset() })
    }

    pub(super) fn best(&self, limit: u64) -> Option<(Long, Vec<PassPlan>)> {
        let (lens, element) = (self.reals.lens, Reals::<T>::ELEMENT);
        let Lens { outer, one, other } = lens;
        let bytes = (outer * one * other) as u64 * element;
        let (rows, slots) = best_rows(bytes, other, element, |slots| {
            let cost = |height| self.reals.rows_cost(height, height, slots);
            Some(paged_rows(one, element, self.offset, greatest(one, limit, cost)?))
        })?;
        let row_slots = slots.min(outer * rows.len());
        let columns_cost = |width, slots| self.columns_cost(width, slots);
        let rows_cost = |rows: RowTiles| self.rows_cost(rows, row_slots);
        let request = self.reals.request(rows, &columns_cost, &rows_cost);
        let mut blocks = request.best(limit)?;
        blocks.cuts.mirrored = true;
        let columns = blocks.cuts.column_ranges();
        blocks.slots = blocks.slots.min(outer * columns.pair_count());
        let mut plans = request.plans(&blocks);
        plans[0].tiles = outer * columns.pair_count();
        plans[0].tile = vec![one, columns.tallest_pair()];
        plans[0].tile_bytes = (one * columns.tallest_pair()) as u64 * element;
        plans[0].bytes_read = (outer * half(2 * one * other)) as u64 * self.reals.read;
        plans[1].slots = row_slots;
        plans[1].run_bytes_written = rows.height as u64 * element;
        Some((Long(Cut { lens, blocks, row_slots }), plans))
    }

    /// The memory of the smallest tiles.
    pub(super) fn least(&self) -> u64 {
        self.columns_cost(1, 1).max(self.reals.rows_cost(1, 1, 1))
    }

    /// The memory of the pass over pairs of tiles of so many columns.
    fn columns_cost(&self, width: usize, slots: usize) -> u64 {
        let columns = RowTiles { mirrored: true, ..RowTiles::new(self.reals.lens.other, width) };
        self.reals.columns_cost(columns.tallest_pair(), slots)
    }

    fn rows_cost(&self, rows: RowTiles, slots: usize) -> u64 {
        self.reals.rows_cost(rows.tallest(), rows.tallest(), slots)
    }
}

impl Long {
    /// Runs both passes, and multiplies by a scale in the end.
    pub(super) fn run<T: Real + Element, D: Dimension>(
        &self,
        run: &mut Run<'_, '_>,
        scale: T,
        threads: usize,
        (source, scratch, sink): Arrays<'_, T, D>,
    ) -> Result<()>
    where
        Complex<T>: Element,
    {
        let Lens { outer, one, other } = self.0.lens;
        let fft = FourStep::new((one, other), Direction::Inverse);
        let cuts: &Cuts = &self.0.blocks.cuts;
        run.go_on_from(repeated(run.mark(), cuts, Home::Scratch));
        let source = InShape::with_gap(source, &[outer, one, other], 1);
        let scratch = InShape::new(scratch, &[outer, one, other]);
        let sink = InShape::new(sink, &[outer, other, 2 * one]);
        let between = Between::new(&scratch, cuts, run.mark().ahead);
        let gathered = gathered_len::<Complex<T>>(one, cuts.column_ranges().tallest());
        run.pass(&HalfColumns {
            cuts,
            slots: self.0.blocks.slots,
            source: &source,
            between: &between,
            fft: &fft,
            halves: Halves::new(other, one),
            scratch: LaneScratch::of_lens(threads, gathered, cost(one).1),
        })?;
        let height = cuts.rows.tallest();
        run.pass(&RealRows {
            cuts,
            slots: self.0.row_slots,
            between: &between,
            sink: &sink,
            fft: &fft,
            scale,
            scratch: LaneScratch::of_lens(threads, 0, cost(other).1),
            turn: Turn::new(height, other),
        })
    }
}

/// A source, a scratch array and a sink.
type Arrays<'a, T, D> =
    (&'a dyn Source<Complex<T>, D>, &'a dyn Store<Complex<T>, D>, &'a dyn WriteShared<T, D>);
