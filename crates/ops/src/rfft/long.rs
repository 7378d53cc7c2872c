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
//! The first pass is that of complex lanes (`fft/long.rs`). An element of the half spectrum needs the one of
//! opposite frequency, which is in the row of opposite number: so a tile of the second pass has both
//! (`rfft/long/rows.rs`). That is half of what complex lanes move. The arithmetic is that of
//! `lanes/long_real.rs`, and so is each bit.

mod rows;

use ndarray::Dimension;
use num_complex::Complex;
use outcore_storage::{Element, Mark, Source, Stored};
use std::marker::PhantomData;

use self::rows::HalfRows;
use super::packed::Packed;
use super::pairs::{count, most_rows};
use crate::fft::axes::Axes;
use crate::fft::between::{Between, RowTiles, Store, Turn, turn_bytes};
use crate::fft::blocks::{BlockRequest, Blocks};
use crate::fft::in_shape::InShape;
use crate::fft::long::LongColumns;
use crate::fft::{Home, repeated};
use crate::fourier::{Direction, Real};
use crate::lanes::{
    FourStep, Halves, LaneScratch, cost, half, halves_len, next_divided_reals, real_factors,
    roots_len,
};
use crate::plan::{PassPlan, Run, SLOTS, duration, greatest};
use crate::tile::gathered_len;
use crate::transfer::{WriteShared, staging_bytes};
use crate::{Resources, Result};

/// How long lanes are cut.
#[derive(Clone, Debug)]
pub(super) struct Long {
    lens: Lens,
    blocks: Blocks,
    /// The pairs of tiles of rows in memory at a time.
    row_slots: usize,
}

/// So many lanes of N1 N2 pairs.
#[derive(Clone, Copy, Debug)]
struct Lens {
    outer: usize,
    one: usize,
    other: usize,
}

/// What a plan is made from.
pub(super) struct LongRequest<T> {
    lens: Lens,
    resources: Resources,
    /// Bytes of a pair in the source.
    read: u64,
    copies: usize,
    real: PhantomData<fn() -> T>,
}

/// Why a lane that is longer than memory is not cut in two, to be put after what is refused; nothing of a
/// lane that is.
pub(super) fn undivided<D: Dimension>(
    axes: &Axes,
    source: &(impl Stored<D> + ?Sized),
    place: usize,
) -> String {
    let len = axes.lens()[place];
    let next = next_divided_reals(len);
    if axes.transformed() != [place] || (next.is_none() && real_factors(len).is_none()) {
        return String::new();
    }
    if place != axes.last() || !source.has_runs() {
        return ", whose lanes do not lie in a row of the file and cannot be cut in two,"
            .to_owned();
    }
    next.map_or_else(String::new, |next| {
        format!(", of which length {len} cannot be cut in two, but {next} can,")
    })
}

impl<T: Real> LongRequest<T>
where
    Complex<T>: Element,
{
    /// `None` unless the fastest axis alone is transformed, of a length that is cut in two, and there is
    /// something to cut.
    pub(super) fn new<D: Dimension>(
        axes: &Axes,
        source: &(impl Stored<D> + ?Sized),
        resources: Resources,
    ) -> Option<Self> {
        let (layout, last) = (source.layout(), axes.last());
        let is_possible = axes.transformed() == [last] && source.has_runs() && !layout.is_empty();
        let len = axes.lens().get(last).filter(|_| is_possible)?;
        let (one, other) = real_factors(*len)?;
        Some(Self {
            lens: Lens { outer: layout.len() / len, one, other },
            resources,
            read: 2 * layout.element_bytes() as u64,
            copies: 1 + source.copies(),
            real: PhantomData,
        })
    }

    pub(super) fn best(&self, limit: u64) -> Option<(Long, Vec<PassPlan>, u64)> {
        let Lens { outer, one, other } = self.lens;
        let element = size_of::<Complex<T>>() as u64;
        let bytes = (outer * one * other) as u64 * element;
        let side = ((one - 1) / 2).max(1);
        let choices = (1..=SLOTS).filter_map(|slots| {
            let rows = |height| self.row_tiles(height);
            let tallest = greatest(side, limit, |height| self.rows_cost(rows(height), slots))?;
            let height = side.div_ceil(side.div_ceil(tallest));
            let run = height as u64 * element;
            let time = duration([(bytes, run * other as u64), (bytes, run)], slots);
            Some((time, rows(height), slots))
        });
        let (_, rows, slots) = choices.min_by(|one, other| one.0.total_cmp(&other.0))?;
        let tiles = outer * count(rows);
        let row_slots = slots.min(tiles);
        let columns_cost = |width, slots| self.columns_cost(width, slots);
        let rows_cost = |rows| self.rows_cost(rows, row_slots);
        let request = self.request(rows, &columns_cost, &rows_cost);
        let blocks = request.best(limit)?;
        let mut plans = request.plans(&blocks);
        let height = most_rows(rows);
        let plan = plans.remove(1);
        plans.push(PassPlan {
            tiles,
            tile: vec![height, other],
            slots: row_slots,
            tile_bytes: (height * other) as u64 * element,
            run_bytes_written: rows.height as u64 * element,
            ..plan
        });
        let kept = request.kept_bytes(&blocks.cuts);
        Some((Long { lens: self.lens, blocks, row_slots }, plans, kept))
    }

    /// The memory of the smallest tiles.
    pub(super) fn least(&self) -> u64 {
        self.columns_cost(1, 1).max(self.rows_cost(self.row_tiles(1), 1))
    }

    fn row_tiles(&self, height: usize) -> RowTiles {
        RowTiles { mirrored: true, ..RowTiles::new(self.lens.one, height) }
    }

    fn request<'a>(
        &self,
        rows: RowTiles,
        columns_cost: &'a dyn Fn(usize, usize) -> u64,
        rows_cost: &'a dyn Fn(RowTiles) -> u64,
    ) -> BlockRequest<'a> {
        let Lens { outer, one, other } = self.lens;
        let element = size_of::<Complex<T>>() as u64;
        BlockRequest {
            matrices: outer,
            rows: one,
            len: other,
            pitch: other,
            mirrored: true,
            fixed: Some(rows),
            element,
            read: self.read,
            output_bytes: (outer * half(2 * one * other)) as u64 * element,
            columns_cost,
            rows_cost,
        }
    }

    fn columns_cost(&self, width: usize, slots: usize) -> u64 {
        let Lens { outer, one, other } = self.lens;
        let slots = slots.min(outer * other.div_ceil(width));
        let gathered = gathered_len::<Complex<T>>(one, width) as u64;
        self.cost(one as u64 * width as u64, slots, gathered + cost(one).1)
    }

    fn rows_cost(&self, rows: RowTiles, slots: usize) -> u64 {
        let other = self.lens.other;
        let cost = self.cost(most_rows(rows) as u64 * other as u64, slots, cost(other).1);
        cost.saturating_add(turn_bytes::<Complex<T>>(rows.height, other, 1))
    }

    fn cost(&self, tile: u64, slots: usize, scratch: u64) -> u64 {
        let Lens { one, other, .. } = self.lens;
        let element = size_of::<Complex<T>>() as u64;
        let threads = self.resources.threads.get() as u64;
        let roots = roots_len::<T>(one * other) + halves_len::<T>(one, other);
        let tables = cost(one).0 + cost(other).0 + roots;
        let elements = tile.saturating_mul(slots as u64).saturating_add(threads * scratch + tables);
        let (read, written) =
            (tile.saturating_mul(self.read.max(element)), tile.saturating_mul(element));
        let staging = staging_bytes(self.copies, read, written, slots);
        elements.saturating_mul(element).saturating_add(staging)
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
        let Lens { outer, one, other } = self.lens;
        let fft = FourStep::new((one, other), Direction::Forward);
        let cuts = &self.blocks.cuts;
        // Pairs of tiles are not finished from the first to the last: if the first pass is repeated, so are
        // all of them.
        let again = repeated(run.mark(), cuts, Home::Scratch);
        run.go_on_from(Mark { ahead: 0, ..again });
        let source = InShape::new(source, &[outer, one, 2 * other]);
        let scratch = InShape::new(scratch, &[outer, one, other]);
        let sink = InShape::with_gap(sink, &[outer, other, one], 1);
        let between = Between::new(&scratch, cuts, 0);
        let gathered = gathered_len::<Complex<T>>(one, cuts.width);
        run.pass(&LongColumns {
            cuts,
            slots: self.blocks.slots,
            source: &Packed(&source),
            between: &between,
            inner: 1,
            fft: &fft,
            scratch: LaneScratch::of_lens(threads, gathered, cost(one).1),
        })?;
        run.pass(&HalfRows {
            cuts,
            slots: self.row_slots,
            between: &between,
            sink: &sink,
            fft: &fft,
            halves: Halves::new(one, other),
            scale,
            scratch: LaneScratch::of_lens(threads, 0, cost(other).1),
            turn: Turn::new(cuts.rows.height, other, 1),
        })
    }
}

/// A source, a scratch array and a sink.
type Arrays<'a, T, D> =
    (&'a dyn Source<T, D>, &'a dyn Store<Complex<T>, D>, &'a dyn WriteShared<Complex<T>, D>);
