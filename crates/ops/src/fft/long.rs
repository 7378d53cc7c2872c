//! A lane that is longer than memory: the four steps in two passes.
//!
//! ```text
//!     lane, as N1 x N2          between the passes,        result, as N2 x N1
//!     ┌────┬────┬────┐          in blocks                  ┌─────┬─────┬─────┐
//!     │ ▾▾ │    │    │  pass 1  ┌──────────────┐  pass 2   │ k1  │     │     │
//!     │ ▾▾ │    │    │ ───────▶ ├──────────────┤ ────────▶ │ k1  │     │     │
//!     │ ▾▾ │    │    │          ├──────────────┤           │ k1  │     │     │
//!     └────┴────┴────┘          └──────────────┘           └─────┴─────┴─────┘
//!     short runs are read       long runs                  short runs are written
//! ```
//!
//! See `lanes/four_step.rs` for the mathematics; the arithmetic is the same, so is each bit of the
//! result.

use ndarray::{ArrayViewD, Dimension, IxDyn};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order, Source, Window};

use super::axes::Axes;
use super::between::{Between, Cuts, RowTiles, Store, Turn, turn_bytes};
use super::blocks::{BlockRequest, Blocks, Matrices};
use super::in_shape::InShape;
use super::sizes::LaneCosts;
use crate::fourier::Real;
use crate::lanes::{FourStep, LaneScratch, Lanes, cost, factors};
use crate::plan::{PassPlan, Run, SLOTS, duration, greatest, slots};
use crate::stream::{Durable, Pass, Resume};
use crate::tile::{Tile, gathered_len};
use crate::transfer::{Io, WriteShared, staging_bytes};
use crate::{Resources, Result};

/// How a long lane is cut.
#[derive(Clone, Debug)]
pub(crate) struct Long {
    lens: Lens,
    blocks: Blocks,
    /// The tiles of rows in memory at a time.
    row_slots: usize,
}

/// An array of lanes of length N1 N2, `outer` of them with `inner` elements between neighbours.
#[derive(Clone, Copy, Debug)]
struct Lens {
    outer: usize,
    one: usize,
    other: usize,
    inner: usize,
}

impl Lens {
    /// The elements between neighbours of a lane in a turned tile of so many rows, if lanes are not
    /// transformed already while they are read.
    fn turned_inner(&self, height: usize) -> usize {
        if self.inner == 1 { 1 } else { height * self.inner }
    }
}

/// What a plan is made from.
pub(crate) struct LongRequest {
    lens: Lens,
    resources: Resources,
    /// Bytes of an element in memory, and of one in the source.
    element: u64,
    read: u64,
    copies: usize,
    offset: u64,
    /// The elements of the tables of all transforms.
    tables: u64,
    gathered: fn(usize, usize) -> usize,
    turn_bytes: fn(usize, usize, usize) -> u64,
}

/// Where runs are cut, so that tiles have no page in common.
const PAGE_BYTES: u64 = 4096;

impl LongRequest {
    /// For one of the transformed places: the first one reads the source, all others what has been written
    /// so far. `None` unless it is cut in two, and there is something to cut.
    pub(super) fn new<T: Real>(
        axes: &Axes,
        index: usize,
        source: &dyn outcore_storage::Stored<IxDyn>,
        resources: Resources,
    ) -> Option<Self>
    where
        Complex<T>: Element,
    {
        let (place, is_first) = (axes.transformed()[index], index == 0);
        let (lens, layout) = (axes.lens(), source.layout());
        let is_possible = (source.has_runs() || !is_first) && !layout.is_empty();
        let (one, other) = factors(lens[place]).filter(|_| is_possible)?;
        let (outer, inner) = (lens[..place].iter().product(), lens[place + 1..].iter().product());
        let element = size_of::<Complex<T>>() as u64;
        let transformed = axes.transformed().iter().map(|&place| lens[place]);
        Some(Self {
            lens: Lens { outer, one, other, inner },
            resources,
            element,
            read: if is_first { layout.element_bytes() as u64 } else { element },
            copies: if is_first { source.copies() } else { 0 },
            offset: layout.offset(),
            tables: LaneCosts::new::<T>(resources).tables(transformed),
            gathered: gathered_len::<Complex<T>>,
            turn_bytes: turn_bytes::<Complex<T>>,
        })
    }

    pub(super) fn best(&self, limit: u64) -> Option<(Long, Vec<PassPlan>)> {
        let Lens { outer, one, other, inner } = self.lens;
        let bytes = (outer * one * other * inner) as u64 * self.element;
        let element = inner as u64 * self.element;
        let (rows, row_slots) = best_rows(bytes, other, element, |slots| {
            let tallest = greatest(one, limit, |height| self.rows_cost(height, slots))?;
            Some(paged_rows(one, element, self.offset, tallest))
        })?;
        let row_slots = row_slots.min(rows.len() * outer);
        self.blocks(Some(rows), row_slots, |request| {
            let blocks = request.best(limit)?;
            let mut plans = request.plans(&blocks);
            plans[1].slots = row_slots;
            plans[1].run_bytes_written = rows.height as u64 * element;
            Some((Long { lens: self.lens, blocks, row_slots }, plans))
        })
    }

    /// The memory of the smallest tiles.
    pub(super) fn least(&self) -> u64 {
        self.columns_cost(1, 1).max(self.rows_cost(1, 1))
    }

    fn blocks<R>(
        &self,
        fixed: Option<RowTiles>,
        row_slots: usize,
        then: impl FnOnce(&BlockRequest<'_>) -> R,
    ) -> R {
        let Lens { outer, one, other, inner } = self.lens;
        let len = other * inner;
        then(&BlockRequest {
            of: Matrices { fixed, ..Matrices::new(outer, one, len, self.element) },
            read: self.read,
            output_bytes: (outer * one * len) as u64 * self.element,
            columns_cost: &|width, slots| self.columns_cost(width, slots),
            rows_cost: &|rows| self.rows_cost(rows.height, row_slots),
        })
    }

    fn columns_cost(&self, width: usize, slots: usize) -> u64 {
        let Lens { outer, one, other, inner } = self.lens;
        let slots = slots.min(outer * (other * inner).div_ceil(width));
        let gathered = (self.gathered)(one, width) as u64;
        self.cost(one as u64 * width as u64, slots as u64, slots, gathered + cost(one).1)
    }

    fn rows_cost(&self, height: usize, slots: usize) -> u64 {
        let Lens { other, inner, .. } = self.lens;
        let gathered = (self.gathered)(other, self.lens.turned_inner(height)) as u64;
        let tile = (other * inner) as u64 * height as u64;
        let cost = self.cost(tile, slots as u64, slots, gathered + cost(other).1);
        cost.saturating_add((self.turn_bytes)(height, other * inner, inner))
    }

    fn cost(&self, tile: u64, copies: u64, slots: usize, scratch: u64) -> u64 {
        let threads = self.resources.threads.get() as u64;
        let elements = tile.saturating_mul(copies);
        let elements = elements.saturating_add(threads * scratch).saturating_add(self.tables);
        let bytes = tile.saturating_mul(self.read.max(self.element));
        let written = tile.saturating_mul(self.element);
        let staging = staging_bytes(self.copies, bytes, written, slots);
        elements.saturating_mul(self.element).saturating_add(staging)
    }
}

/// Of the tiles of rows that there may be with so many at a time, those whose transfers take the least time,
/// and how many. An array of so many bytes is read in rows of a length, and written in runs of as many
/// elements, each of so many bytes, as a tile is high.
pub(crate) fn best_rows(
    bytes: u64,
    len: usize,
    element: u64,
    tiles: impl Fn(usize) -> Option<RowTiles>,
) -> Option<(RowTiles, usize)> {
    let choices = (1..=SLOTS).filter_map(|slots| {
        let rows = tiles(slots)?;
        let run = rows.height as u64 * element;
        Some((duration([(bytes, run * len as u64), (bytes, run)], slots), rows, slots))
    });
    let (_, rows, slots) = choices.min_by(|one, other| one.0.total_cmp(&other.0))?;
    Some((rows, slots))
}

/// Tiles of so many rows of at most a height, as even as whole pages of the result allow: there, rows are
/// columns, with elements of so many bytes, the first of which lies at an offset.
pub(crate) fn paged_rows(count: usize, bytes: u64, offset: u64, tallest: usize) -> RowTiles {
    let page = if PAGE_BYTES.is_multiple_of(bytes) { PAGE_BYTES / bytes } else { 1 };
    let page = usize::try_from(page).expect("less than a page");
    let whole_pages = page > 1 && tallest > page && count.is_multiple_of(page);
    let (unit, lead) = if whole_pages {
        let lead = (offset % PAGE_BYTES) / bytes;
        (page, usize::try_from(lead).expect("less than a page"))
    } else {
        (1, 0)
    };
    let most = tallest / unit * unit;
    let height = (count + lead).div_ceil((count + lead).div_ceil(most)).next_multiple_of(unit);
    RowTiles { lead, ..RowTiles::new(count, height.min(most)) }
}

impl Long {
    pub(super) fn cuts(&self) -> &Cuts {
        &self.blocks.cuts
    }

    /// Runs both passes. The first so many tiles of rows have been finished by an earlier run.
    pub(super) fn run<T: Real, D: Dimension>(
        &self,
        run: &mut Run<'_, '_>,
        lanes: &Lanes<T>,
        threads: usize,
        finished: usize,
        (source, scratch, sink): Arrays<'_, T, D>,
    ) -> Result<()>
    where
        Complex<T>: Element,
    {
        let Lens { outer, one, other, inner } = self.lens;
        let fft = lanes.four_step().expect("a lane that is cut in two");
        let cuts = &self.blocks.cuts;
        let shape = [outer, one, other * inner];
        let source = InShape::new(source, &shape);
        let sink = InShape::new(sink, &[outer, other, one * inner]);
        let scratch = InShape::new(scratch, &shape);
        let between = Between::new(&scratch, cuts, finished);
        let gathered = gathered_len::<Complex<T>>;
        let scratch = LaneScratch::of_lens(threads, gathered(one, cuts.width), cost(one).1);
        let (source, slots): (&dyn Source<_, _>, _) = (&source, self.blocks.slots);
        run.pass(&LongColumns { cuts, slots, source, between: &between, inner, fft, scratch })?;
        let height = cuts.rows.tallest();
        let gathered = gathered(other, self.lens.turned_inner(height));
        run.pass(&LongRows {
            cuts,
            slots: self.row_slots,
            between: &between,
            sink: &sink,
            lens: self.lens,
            lanes,
            fft,
            scratch: LaneScratch::of_lens(threads, gathered, cost(other).1),
            turn: Turn::new(height, cuts.len, inner),
        })
    }
}

/// A source, a scratch array and a sink.
pub(super) type Arrays<'a, T, D> = (
    &'a dyn Source<Complex<T>, D>,
    &'a dyn Store<Complex<T>, D>,
    &'a dyn WriteShared<Complex<T>, D>,
);

/// The first pass: columns of lanes, and the factors in between.
pub(crate) struct LongColumns<'a, T: Real> {
    pub(crate) cuts: &'a Cuts,
    pub(crate) slots: usize,
    pub(crate) source: &'a dyn Source<Complex<T>, IxDyn>,
    pub(crate) between: &'a Between<'a, Complex<T>>,
    pub(crate) inner: usize,
    pub(crate) fft: &'a FourStep<T>,
    pub(crate) scratch: LaneScratch<T>,
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
            let n2 = (columns.start + number) / self.inner;
            self.fft.apply_to_column(n2, lane, &self.scratch);
        });
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let len = self.cuts.column_window(index).len();
        let written = self.between.write_columns(index, &slot[..len], io)?;
        Ok(written * size_of::<Complex<T>>() as u64)
    }
}

/// The second pass: rows of lanes, written as columns.
struct LongRows<'a, T: Real> {
    cuts: &'a Cuts,
    slots: usize,
    between: &'a Between<'a, Complex<T>>,
    sink: &'a dyn WriteShared<Complex<T>, IxDyn>,
    lens: Lens,
    lanes: &'a Lanes<T>,
    fft: &'a FourStep<T>,
    scratch: LaneScratch<T>,
    turn: Turn<Complex<T>>,
}

impl<T: Real> LongRows<'_, T>
where
    Complex<T>: Element,
{
    /// A tile of rows, turned: of the window that it is of the result.
    fn window(&self, index: usize) -> Window<IxDyn> {
        let Lens { other, inner, .. } = self.lens;
        let (matrix, rows) = self.cuts.rows(index);
        let origin = IxDyn(&[matrix, 0, rows.start * inner]);
        Window::new(origin, IxDyn(&[1, other, rows.len() * inner]))
    }

    fn transform(&self, lane: &mut [Complex<T>]) {
        self.fft.apply_to_row(lane, &self.scratch);
        self.lanes.scale(lane);
    }
}

impl<T: Real> Resume for LongRows<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<T: Real> Pass for LongRows<'_, T>
where
    Complex<T>: Element,
{
    type Slot = Buffer<Complex<T>>;

    fn tiles(&self) -> usize {
        self.cuts.all_row_tiles()
    }

    fn slots(&self) -> usize {
        self.slots.min(slots(self.tiles()))
    }

    fn slot(&self) -> Self::Slot {
        Buffer::new(self.cuts.rows.tallest() * self.cuts.len, self.between.offset())
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let tile = &mut slot[..self.window(index).len()];
        let each = |lane: &mut [Complex<T>]| self.transform(lane);
        let read = self.between.read_rows_turned(index, tile, &self.turn, &each, io)?;
        Ok(read * size_of::<Complex<T>>() as u64)
    }

    fn compute(&self, index: usize, slot: &mut Self::Slot) {
        // Otherwise it is done.
        if self.lens.inner > 1 {
            let (window, gathered) = (self.window(index), self.scratch.gathered());
            let mut tile = Tile::new(&window, slot, Order::C);
            tile.par_lanes_mut(1, gathered, |_, lane| self.transform(lane));
        }
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.window(index);
        let view = ArrayViewD::from_shape(window.shape.clone(), &slot[..window.len()]);
        io.write(self.sink, &window, view.expect("columns"), Order::C)?;
        Ok((window.len() * size_of::<Complex<T>>()) as u64)
    }
}
