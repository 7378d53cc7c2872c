//! Lanes of real numbers that are longer than memory: pairs of them in four steps, in two passes.
//!
//! ```text
//!     pairs, as N1 x N2          between the passes,      half spectrum, as N2 x N1, and one more
//!     ┌────┬────┬────┐           in blocks                ┌─┬─────┬─────┬─────┬─────┐
//!     │ ▾▾ │    │    │  pass 1   ┌──────────────┐ pass 2  │0│  k1 │     │     │ -k1 │
//!     │ ▾▾ │    │    │ ────────▶ ├──────────────┤ ──────▶ │ │  k1 │     │     │ -k1 │
//!     │ ▾▾ │    │    │           ├──────────────┤         │ │  k1 │     │     │ -k1 │
//!     └────┴────┴────┘           └──────────────┘         └─┴─────┴─────┴─────┴─────┘
//! ```
//!
//! An element of the half spectrum needs the one of
//! opposite frequency, which is in the row of opposite number: so a tile of the second pass has both
//! (`rfft/long/rows.rs`). That is half of what complex lanes move. The arithmetic is that of
//! `lanes/long_real.rs`, and so is each bit.

mod rows;

use ndarray::Dimension;
use num_complex::Complex;
use outcore_storage::{Element, Mark, Source, Stored};

use self::rows::HalfRows;
use super::packed::Packed;
use crate::fft::axes::Axes;
use crate::fft::between::{Between, RowTiles, Store, Turn};
use crate::fft::in_shape::InShape;
use crate::fft::passes::Columns;
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
pub(super) struct LongRequest<T>(Reals<T>);

impl<T: Real> LongRequest<T>
where
    Complex<T>: Element,
{
    /// `None` if lanes are not cut in two.
    pub(super) fn new<D: Dimension>(
        axes: &Axes,
        source: &(impl Stored<D> + ?Sized),
        len: usize,
        resources: Resources,
    ) -> Option<Self> {
        let read = (2 * source.layout().element_bytes() as u64, 1 + source.copies());
        Some(Self(Reals::new(axes, source, len, read, resources)?))
    }

    pub(super) fn best(&self, limit: u64) -> Option<(Long, Vec<PassPlan>)> {
        let (lens, element) = (self.0.lens, Reals::<T>::ELEMENT);
        let Lens { outer, one, other } = lens;
        let bytes = (outer * one * other) as u64 * element;
        let side = ((one - 1) / 2).max(1);
        let (rows, slots) = best_rows(bytes, other, element, |slots| {
            let rows = |height| self.row_tiles(height);
            let tallest = greatest(side, limit, |height| self.rows_cost(rows(height), slots))?;
            Some(rows(side.div_ceil(side.div_ceil(tallest))))
        })?;
        let row_slots = slots.min(outer * rows.pair_count());
        let columns_cost = |width, slots| self.0.columns_cost(width, slots);
        let rows_cost = |rows| self.rows_cost(rows, row_slots);
        let request = self.0.request(rows, &columns_cost, &rows_cost);
        let blocks = request.best(limit)?;
        let mut plans = request.plans(&blocks);
        plans[1].tiles = outer * rows.pair_count();
        plans[1].tile = vec![rows.tallest_pair(), other];
        plans[1].slots = row_slots;
        plans[1].tile_bytes = (rows.tallest_pair() * other) as u64 * element;
        plans[1].run_bytes_written = rows.height as u64 * element;
        plans[1].bytes_written = (outer * half(2 * one * other)) as u64 * element;
        Some((Long(Cut { lens, blocks, row_slots }), plans))
    }

    /// The memory of the smallest tiles.
    pub(super) fn least(&self) -> u64 {
        self.0.columns_cost(1, 1).max(self.rows_cost(self.row_tiles(1), 1))
    }

    fn row_tiles(&self, height: usize) -> RowTiles {
        RowTiles { mirrored: true, ..RowTiles::new(self.0.lens.one, height) }
    }

    /// The memory of the pass over pairs of tiles of rows.
    fn rows_cost(&self, rows: RowTiles, slots: usize) -> u64 {
        self.0.rows_cost(rows.tallest_pair(), rows.height, slots)
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
        let fft = FourStep::new((one, other), Direction::Forward);
        let cuts = &self.0.blocks.cuts;
        // Pairs of tiles are not finished from the first to the last: if the first pass is repeated, so are
        // all of them.
        let again = repeated(run.mark(), cuts, Home::Scratch);
        run.go_on_from(Mark { ahead: 0, ..again });
        let source = InShape::new(source, &[outer, one, 2 * other]);
        let scratch = InShape::new(scratch, &[outer, one, other]);
        let sink = InShape::with_gap(sink, &[outer, other, one], 1);
        let between = Between::new(&scratch, cuts, 0);
        let gathered = gathered_len::<Complex<T>>(one, cuts.width);
        let (fft, scratch) = (&fft, LaneScratch::of_lens(threads, gathered, cost(one).1));
        let work = Box::new(move |columns, tile: &mut [_]| {
            fft.apply_to_columns(columns, tile, &scratch);
        });
        let (slots, source) = (self.0.blocks.slots, &Packed(&source));
        run.pass(&Columns { cuts, slots, source, between: &between, work })?;
        run.pass(&HalfRows {
            cuts,
            slots: self.0.row_slots,
            between: &between,
            sink: &sink,
            fft,
            halves: Halves::new(one, other),
            scale,
            scratch: LaneScratch::of_lens(threads, 0, cost(other).1),
            turn: Turn::new(cuts.rows.height, other),
        })
    }
}

/// A source, a scratch array and a sink.
type Arrays<'a, T, D> =
    (&'a dyn Source<T, D>, &'a dyn Store<Complex<T>, D>, &'a dyn WriteShared<Complex<T>, D>);
