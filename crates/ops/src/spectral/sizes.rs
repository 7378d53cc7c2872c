//! How an array is cut for work on its spectrum: in one pass, or in three with blocks in between.

use ndarray::IxDyn;
use num_complex::Complex;
use outcore_storage::{Element, Layout, Order, Stored};
use std::ops::Range;

use super::frame::Frame;
use super::half;
use crate::fft::axes::{Axes, inner_len};
use crate::fft::between::{Cuts, RowTiles};
use crate::fft::blocks::{Blocks, Matrices, Search, even_width};
use crate::fft::sizes::{LaneCosts, product, total};
use crate::fft::tiles::{TileRequest, Tiles};
use crate::lanes::real_cost;
use crate::plan::{PassPlan, SLOTS, duration, refuse, slots, usable};
use crate::signal::Signal;
use crate::transfer::{staging_bytes, window_read_bytes};
use crate::{Resources, Result};

/// The numbers that a plan is made from. Sources have the places of the padded array for axes.
pub(super) struct Sizes<'a> {
    pub(super) axes: &'a Axes,
    /// The place that is halved in the spectrum.
    pub(super) half: Option<usize>,
    pub(super) source: &'a dyn Stored<IxDyn>,
    /// What the spectrum is multiplied by, if that is not a function.
    pub(super) kernel: Option<&'a dyn Stored<IxDyn>>,
    /// The output, with the same places for axes.
    pub(super) sink: &'a Layout<IxDyn>,
    pub(super) used: &'a Used,
    pub(super) resources: Resources,
    /// Bytes of an element, and of one of the spectrum.
    pub(super) element: u64,
    pub(super) spectrum: u64,
    pub(super) lanes: LaneCosts,
    /// What the transforms of real lanes of a length hold, one way: [`real_cost`].
    pub(super) real: fn(usize, usize) -> (u64, u64),
    /// What is held besides all of this, in bytes.
    pub(super) besides: u64,
    /// Columns are along the slowest place alone, and tiles of them are multiples of so many wide: then what
    /// is added up of them is added in one order.
    pub(super) summed: Option<usize>,
}

/// The indices along each place that are used: of the padded source, kernel and output.
#[derive(Clone, Debug)]
pub(super) struct Used {
    pub(super) source: Vec<Range<usize>>,
    pub(super) kernel: Vec<Range<usize>>,
    pub(super) output: Vec<Range<usize>>,
}

impl Used {
    /// All indices.
    pub(super) fn whole(axes: &Axes) -> Self {
        let all: Vec<_> = axes.lens().iter().map(|&len| 0..len).collect();
        Self { source: all.clone(), kernel: all.clone(), output: all }
    }

    /// The rows of a matrix that the source has, and the output.
    pub(super) fn frames(&self, axes: &Axes, split: usize) -> [Frame; 2] {
        let places = axes.first()..split;
        let lens = &axes.lens()[places.clone()];
        [&self.source, &self.output].map(|used| Frame::new(lens, &used[places.clone()]))
    }

    /// The number of rows that the kernel has: as many slices along the slowest place as it is long; and the
    /// frame among these.
    pub(super) fn kernel_frame(&self, axes: &Axes, split: usize) -> (usize, Frame) {
        let places = axes.first()..split;
        let mut lens = axes.lens()[places.clone()].to_vec();
        let used = &self.kernel[places];
        if let (Some(len), Some(used)) = (lens.first_mut(), used.first()) {
            *len = used.len();
        }
        (lens.iter().product(), Frame::new(&lens, used))
    }
}

/// How the work is cut into passes.
#[derive(Clone, Debug)]
pub(super) enum Passes {
    /// One pass over tiles that are whole along the places that are transformed.
    Whole(Tiles),
    /// Rows, columns, rows; rows begin at the place `split`.
    Blocks { blocks: Blocks, split: usize },
}

impl<'a> Sizes<'a> {
    /// With a function as the factor, and nothing held besides.
    pub(super) fn new<A: Signal>(
        axes: &'a Axes,
        source: &'a dyn Stored<IxDyn>,
        used: &'a Used,
        sink: &'a Layout<IxDyn>,
        resources: Resources,
    ) -> Self
    where
        Complex<A::Real>: Element,
    {
        Self {
            axes,
            half: half::<A>(axes),
            source,
            kernel: None,
            sink,
            used,
            resources,
            element: size_of::<A>() as u64,
            spectrum: size_of::<Complex<A::Real>>() as u64,
            lanes: LaneCosts::new::<A::Real>(resources),
            real: real_cost::<A::Real>,
            besides: 0,
            summed: None,
        }
    }
}

impl Sizes<'_> {
    /// One pass if that fits, otherwise the three that take the least time.
    pub(super) fn passes(&self, operation: &str) -> Result<Passes> {
        let limit = usable(self.resources);
        if let Some(tiles) = self.whole(|request| request.best(limit)) {
            return Ok(Passes::Whole(tiles));
        }
        let best = self.splits().filter_map(|split| {
            let blocks = self.blocks(split, |search| search.best(limit))?;
            Some((blocks, split))
        });
        let best = best.min_by(|one, other| one.0.duration.total_cmp(&other.0.duration));
        best.map(|(blocks, split)| Passes::Blocks { blocks, split })
            .ok_or_else(|| refuse(operation, self.least(), self.resources))
    }

    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method alone is not of every lifetime"
    )]
    fn least(&self) -> u64 {
        let blocks = self.splits().map(|split| self.blocks(split, |search| search.least()));
        blocks.min().unwrap_or(u64::MAX).min(self.whole(|request| request.least()))
    }

    /// What a single pass asks of its tiles.
    fn whole<R>(&self, then: impl FnOnce(&TileRequest<'_>) -> R) -> R {
        then(&TileRequest {
            source: self.source,
            sink: self.sink,
            whole: self.axes.transformed(),
            element: usize::try_from(self.element).expect("few bytes"),
            cost: &|tile, slots| self.whole_cost(tile, slots),
        })
    }

    /// The shape of the spectrum of a tile.
    pub(super) fn spectrum_of(&self, tile: &[usize]) -> Vec<usize> {
        let mut tile = tile.to_vec();
        if let Some(half) = self.half {
            tile[half] = tile[half] / 2 + 1;
        }
        tile
    }

    fn whole_cost(&self, tile: &[usize], slots: usize) -> u64 {
        let spectrum = self.spectrum_of(tile);
        let (elements, spectra) = (product(tile), product(&spectrum));
        let kept = if self.kernel.is_some() { spectra } else { 0 };
        let bytes = [
            elements.saturating_mul(self.element).saturating_mul(slots as u64),
            spectra.saturating_mul(self.spectrum).saturating_mul(slots as u64),
            kept.saturating_mul(self.spectrum),
            self.transforms(&spectrum, self.axes.transformed(), self.half),
            self.staging(elements, slots),
            self.besides,
        ];
        total(bytes)
    }

    /// The memory of tiles of blocks, so many at a time, that read and write so many elements, of which so many
    /// blocks are transformed at a time; the places are those of a block.
    pub(super) fn overlap_cost(
        &self,
        batch: usize,
        (read, written): (u64, u64),
        slots: usize,
    ) -> u64 {
        let block = self.axes.lens();
        let spectrum = self.spectrum_of(block);
        let (elements, spectra) = (product(block), product(&spectrum));
        let dims = [&[batch], &spectrum[..]].concat();
        let places: Vec<usize> = self.axes.transformed().iter().map(|place| place + 1).collect();
        let half = self.half.map(|place| place + 1);
        // With the batch there is the spectrum of the kernel.
        let spectra = spectra.saturating_mul(batch as u64 + 1);
        let tiles = read.saturating_add(written).saturating_mul(slots as u64);
        let bytes = [
            tiles
                .saturating_add(elements.saturating_mul(batch as u64))
                .saturating_mul(self.element),
            spectra.saturating_mul(self.spectrum),
            self.transforms(&dims, &places, half),
            self.staging(read.max(written).max(elements), slots),
            self.besides,
        ];
        total(bytes)
    }

    /// What is held while tiles of so many elements are read from the source and written.
    fn staging(&self, elements: u64, slots: usize) -> u64 {
        let stored = |stored: &dyn Stored<IxDyn>| stored.layout().element_bytes() as u64;
        let kernel = self.kernel.map_or(0, stored);
        let read = self.element.max(stored(self.source)).max(kernel).saturating_mul(elements);
        let written = self.element.saturating_mul(elements);
        let copies = self.kernel.map_or(0, Stored::copies).max(self.source.copies());
        staging_bytes(copies, read, written, slots)
    }

    /// The bytes of all tables, and of the scratch of all threads for the transforms of a tile of a spectrum
    /// along some axes of it, one of which may be halved.
    fn transforms(&self, tile: &[usize], axes: &[usize], half: Option<usize>) -> u64 {
        let (lens, threads) = (self.axes.lens(), self.resources.threads.get() as u64);
        let others: Vec<usize> = axes.iter().copied().filter(|&axis| Some(axis) != half).collect();
        let places = self.axes.transformed().iter().filter(|&&place| Some(place) != self.half);
        let tables = self.lanes.tables(places.map(|&place| lens[place])).saturating_mul(2);
        let elements = self.lanes.scratch(tile, &others).saturating_add(tables);
        let real = self.half.zip(half).map_or(0, |(place, axis)| {
            let (tables, each) = (self.real)(lens[place], inner_len(tile, axis));
            // Both ways are there at the same time, with buffers of their own.
            tables.saturating_add(threads.saturating_mul(each)).saturating_mul(2)
        });
        elements.saturating_mul(self.spectrum).saturating_add(real)
    }

    /// The places at which columns may end and rows begin.
    fn splits(&self) -> impl Iterator<Item = usize> {
        let count = if self.summed.is_some() { 1 } else { usize::MAX };
        self.axes.transformed().iter().copied().skip(1).take(count)
    }

    /// The axes of the spectrum of a row.
    pub(super) fn row_axes(&self, split: usize) -> Vec<usize> {
        self.spectrum_of(self.axes.lens())[split..].to_vec()
    }

    /// The memory of a pass over tiles of rows: as they are read or written, as spectra, and where a tile has
    /// several, in blocks.
    fn rows_cost(&self, split: usize, rows: RowTiles) -> u64 {
        let [matrices, _, len] = self.axes.third_lens(split);
        let (height, axes) = (rows.tallest(), self.row_axes(split));
        let spectrum_len = product(&axes).saturating_mul(height as u64);
        let elements = (len as u64).saturating_mul(height as u64);
        let slots = slots(rows.len() * matrices);
        let copies = if height > 1 { 2 } else { 1 };
        let dims = [&[height], &axes[..]].concat();
        let places = self.axes.transformed().iter().filter(|&&place| place >= split);
        let places: Vec<usize> = places.map(|place| place - split + 1).collect();
        let half = self.half.map(|place| place - split + 1);
        let bytes = [
            elements.saturating_mul(self.element).saturating_mul(slots as u64),
            spectrum_len.saturating_mul(self.spectrum).saturating_mul(copies * slots as u64),
            self.transforms(&dims, &places, half),
            self.staging(elements.max(spectrum_len.saturating_mul(2)), slots),
            self.besides,
        ];
        total(bytes)
    }

    /// The memory of the pass over tiles of so many columns.
    fn columns_cost(&self, split: usize, width: usize, slots: usize) -> u64 {
        let [matrices, count, _] = self.axes.third_lens(split);
        let all = product(&self.row_axes(split));
        let tiles = (matrices as u64).saturating_mul(all.div_ceil(width as u64));
        let slots = slots.min(usize::try_from(tiles).unwrap_or(usize::MAX));
        let tiles = if self.kernel.is_some() { 2 * slots } else { slots };
        let (dims, axes) = self.axes.column(split, width);
        let tile = (count as u64).saturating_mul(width as u64).saturating_mul(self.spectrum);
        let bytes = [
            tile.saturating_mul(tiles as u64),
            self.transforms(&dims, &axes, None),
            staging_bytes(0, tile, tile, slots),
            self.besides,
        ];
        total(bytes)
    }

    /// What is known of blocks whose rows begin at a place.
    fn blocks<R>(&self, split: usize, then: impl FnOnce(&Search<'_>) -> R) -> R {
        let [matrices, rows, _] = self.axes.third_lens(split);
        let len = self.row_axes(split).iter().product();
        then(&Search {
            of: Matrices::new(matrices, rows, len, self.spectrum),
            columns_cost: &|width, slots| self.columns_cost(split, width, slots),
            rows_cost: &|rows| self.rows_cost(split, rows),
            width: &|most, height| {
                let width = even_width(len, most, height, self.element);
                width.next_multiple_of(self.summed.unwrap_or(1)).min(len)
            },
            duration: &|cuts, slots| self.duration(split, cuts, slots),
        })
    }

    fn frames(&self, split: usize) -> [Frame; 2] {
        self.used.frames(self.axes, split)
    }

    fn duration(&self, split: usize, cuts: &Cuts, slots: usize) -> f64 {
        let [source, output] = self.frames(split);
        let stored = cuts.stored_rows() as u64 * cuts.len as u64 * self.spectrum;
        let all = (cuts.rows.count * cuts.matrices) as u64;
        let of = |frame: &Frame| stored / all * (frame.all() * cuts.matrices) as u64;
        let (written, read) = (of(&source), of(&output));
        let height = cuts.rows.tallest() as u64;
        let row_tile = height * cuts.len as u64 * self.spectrum;
        let block = height * cuts.width as u64 * self.spectrum;
        let (source, sink) = (self.source.layout().bytes(), self.sink.bytes());
        duration([(source, row_tile), (written, row_tile)], SLOTS)
            + duration([(written, block), (read, block)], slots)
            + duration([(read, row_tile), (sink, row_tile)], SLOTS)
    }

    /// The pass that keeps the kernel's spectrum in memory, if there is a kernel, and the one that does the
    /// rest.
    pub(super) fn whole_plans(&self, tiles: &Tiles) -> Vec<PassPlan> {
        let name = self.axes.name(self.axes.transformed());
        let plan = self.whole(|request| request.plan(name, tiles));
        let Some(kernel) = self.kernel else { return vec![plan] };
        let window = outcore_storage::Window::whole(kernel.shape());
        let element = usize::try_from(self.element).expect("few bytes");
        let bytes_read = window_read_bytes(kernel, &window, Order::C, element);
        let of_kernel = PassPlan {
            name: "kernel".to_owned(),
            bytes_read,
            bytes_written: 0,
            run_bytes_read: bytes_read,
            run_bytes_written: 0,
            ..plan.clone()
        };
        vec![of_kernel, plan]
    }

    /// The passes, and what each costs. The sources have thirds for axes.
    pub(super) fn block_plans(
        &self,
        blocks: &Blocks,
        split: usize,
        source: &dyn Stored<IxDyn>,
        kernel: Option<&dyn Stored<IxDyn>>,
    ) -> Vec<PassPlan> {
        let cuts = &blocks.cuts;
        let [of_source, of_output] = self.frames(split);
        let [first, middle, last] = ["rows", "columns", "rows"].map(str::to_owned);
        let mut forward = self.rows_plan(first, blocks, cuts, &of_source);
        let mut back = self.rows_plan(last, blocks, cuts, &of_output);
        let mut columns = self.columns_plan(middle, blocks);
        columns.bytes_read = forward.bytes_written;
        columns.bytes_written = back.bytes_written;
        let mut plans = Vec::new();
        if let Some(kernel) = kernel {
            let (count, frame) = self.used.kernel_frame(self.axes, split);
            let cuts = kernel_cuts(cuts, count);
            let mut plan = self.rows_plan("kernel rows".to_owned(), blocks, &cuts, &frame);
            (plan.bytes_read, plan.run_bytes_read) = self.read_bytes(split, &cuts, &frame, kernel);
            columns.bytes_read += plan.bytes_written;
            plans.push(plan);
        }
        (forward.bytes_read, forward.run_bytes_read) =
            self.read_bytes(split, cuts, &of_source, source);
        (back.bytes_read, back.bytes_written) = (back.bytes_written, self.sink.bytes());
        back.run_bytes_written = self.sink.bytes()
            / (of_output.all() * cuts.matrices).max(1) as u64
            * cuts.rows.tallest() as u64;
        plans.extend([forward, columns, back]);
        plans
    }

    /// A pass over rows that writes the ones that are used to blocks.
    fn rows_plan(&self, name: String, blocks: &Blocks, cuts: &Cuts, frame: &Frame) -> PassPlan {
        let height = cuts.rows.tallest();
        let used = |&tile: &usize| frame.count(cuts.rows(tile).1) > 0;
        let stored = (0..cuts.kept_from).filter(used).map(|tile| cuts.rows(tile).1.len());
        let row_bytes = cuts.len as u64 * self.spectrum;
        let bytes = stored.sum::<usize>() as u64 * row_bytes;
        let run = if bytes == 0 { 0 } else { height as u64 * row_bytes };
        PassPlan {
            name,
            tiles: cuts.all_row_tiles(),
            tile: vec![height, cuts.len],
            slots: slots(cuts.all_row_tiles()),
            tile_bytes: height as u64 * row_bytes,
            run_bytes_read: run,
            run_bytes_written: run,
            bytes_read: 0,
            bytes_written: bytes,
            memory: blocks.memory[1],
        }
    }

    fn columns_plan(&self, name: String, blocks: &Blocks) -> PassPlan {
        let Blocks { cuts, slots, memory, .. } = blocks;
        let width = cuts.width as u64 * self.spectrum;
        let stored = cuts.stored_rows() > 0;
        let run = if stored { width * cuts.rows.tallest() as u64 } else { 0 };
        PassPlan {
            name,
            tiles: cuts.all_column_tiles(),
            tile: vec![cuts.rows.count, cuts.width],
            slots: *slots,
            tile_bytes: cuts.rows.count as u64 * width,
            run_bytes_read: run,
            run_bytes_written: run,
            bytes_read: 0,
            bytes_written: 0,
            memory: memory[0],
        }
    }

    /// The bytes that reading the row tiles that are used moves, and those of a run.
    fn read_bytes(
        &self,
        split: usize,
        cuts: &Cuts,
        frame: &Frame,
        source: &dyn Stored<IxDyn>,
    ) -> (u64, u64) {
        let [_, _, len] = self.axes.third_lens(split);
        let element = usize::try_from(self.element).expect("few bytes");
        let used = |&tile: &usize| frame.count(cuts.rows(tile).1) > 0;
        let mut windows =
            (0..cuts.all_row_tiles()).filter(used).map(|tile| cuts.row_window(tile, len));
        let run = windows.next().map(|window| {
            (window_read_bytes(source, &window, Order::C, element), source.run_bytes(&window))
        });
        let (first, run) = run.unwrap_or_default();
        let rest = windows.map(|window| window_read_bytes(source, &window, Order::C, element));
        (first + rest.sum::<u64>(), run)
    }

    /// The bytes that stay in memory between the passes.
    pub(super) fn kept_bytes(&self, blocks: &Blocks) -> u64 {
        blocks.cuts.kept_rows() as u64 * blocks.cuts.len as u64 * self.spectrum
    }
}

/// How so many rows of a kernel are cut: as the others are, and none is kept in memory.
pub(super) fn kernel_cuts(cuts: &Cuts, count: usize) -> Cuts {
    let rows = RowTiles { count, ..cuts.rows };
    Cuts { rows, kept_from: rows.len() * cuts.matrices, ..cuts.clone() }
}
