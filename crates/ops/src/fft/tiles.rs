//! The tiles of one pass: whole along some axes, cut along the others.

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Layout, Order, Stored};

use crate::pass::run_bytes;
use crate::plan::{PREFERRED_BYTES, PassPlan, SLOTS, duration, grow};
use crate::tiling::Tiling;
use crate::transfer::planned_read_bytes;

/// What a pass over tiles reads and writes, and what its tiles hold.
pub(crate) struct TileRequest<'a> {
    pub(crate) source: &'a dyn Stored<IxDyn>,
    /// What is written: of the shape of the source, or of another length along one axis, along which
    /// tiles are whole.
    pub(crate) sink: &'a Layout<IxDyn>,
    /// The axes along which tiles are whole.
    pub(crate) whole: &'a [usize],
    /// Bytes of an element in a tile.
    pub(crate) element: usize,
    /// The memory of a pass over tiles of a shape, so many at a time.
    pub(crate) cost: &'a dyn Fn(&[usize], usize) -> u64,
}

/// The tiles of a pass.
#[derive(Clone, Debug)]
pub(crate) struct Tiles {
    pub(crate) tiling: Tiling<IxDyn>,
    pub(crate) slots: usize,
    memory: u64,
    /// Runs that are read and written.
    runs: (u64, u64),
    pub(crate) duration: f64,
}

/// A page of the file system, on whose boundaries tiles are cut.
const PAGE_BYTES: usize = 4096;

/// What tiles grow to: so many elements, so many at a time, and in units of so many along the fastest
/// axis.
#[derive(Clone, Copy)]
struct Way {
    most: usize,
    slots: usize,
    unit: usize,
}

impl TileRequest<'_> {
    /// The tiles whose transfers take the least time; `None` if the smallest exceed the limit.
    pub(crate) fn best(&self, limit: u64) -> Option<Tiles> {
        let preferred = PREFERRED_BYTES / self.element;
        let ways = [preferred, usize::MAX].into_iter().flat_map(|most| {
            (1..=SLOTS).rev().flat_map(move |slots| {
                [self.page_len(), 1].into_iter().map(move |unit| Way { most, slots, unit })
            })
        });
        let tiles = ways.filter_map(|way| self.of_way(way, limit));
        tiles.min_by(|one, other| one.duration.total_cmp(&other.duration))
    }

    /// The memory of the smallest tiles.
    pub(crate) fn least(&self) -> u64 {
        (self.cost)(&self.smallest(), 1)
    }

    fn smallest(&self) -> Vec<usize> {
        let shape = self.source.shape();
        let len = |axis| if self.whole.contains(&axis) { shape[axis] } else { 1 };
        (0..shape.ndim()).map(len).collect()
    }

    fn of_way(&self, way: Way, limit: u64) -> Option<Tiles> {
        let shape = self.source.shape();
        let mut tile = IxDyn(&self.smallest());
        let cost = |tile: &IxDyn| (self.cost)(tile.slice(), way.slots);
        (cost(&tile) <= limit).then_some(())?;
        let unit = |axis| if axis + 1 == shape.ndim() { way.unit } else { 1 };
        let axes = (0..shape.ndim()).rev().filter(|axis| !self.whole.contains(axis));
        grow(&mut tile, &shape, axes.map(|axis| (axis, unit(axis))), way.most, limit, cost)?;
        let tiling = self.tiling(tile, way.unit);
        let slots = way.slots.min(tiling.len()).max(1);
        let memory = (self.cost)(tiling.tile().slice(), slots);
        let runs = (run_bytes(self.source, &tiling), run_bytes(self.sink, &self.of_sink(&tiling)));
        let bytes = (self.source.layout().bytes(), self.sink.bytes());
        let duration = duration([(bytes.0, runs.0), (bytes.1, runs.1)], slots);
        Some(Tiles { tiling, slots, memory, runs, duration })
    }

    /// Even tiles; where they are cut along the fastest axis, on pages.
    fn tiling(&self, mut tile: IxDyn, unit: usize) -> Tiling<IxDyn> {
        let shape = self.source.shape();
        let Some(last) = shape.ndim().checked_sub(1).filter(|&last| tile[last] < shape[last])
        else {
            return Tiling::new(shape, tile, Order::C);
        };
        let count = shape[last].div_ceil(tile[last]);
        tile[last] = tile[last].min(shape[last].div_ceil(count).next_multiple_of(unit));
        let layout = self.source.layout();
        let page = usize::try_from(layout.offset() % PAGE_BYTES as u64).expect("less than a page");
        let lead = page / layout.element_bytes().max(1);
        let tiling = Tiling::new(shape, tile, Order::C);
        if unit > 1 && lead < tiling.tile()[last] { tiling.with_lead(last, lead) } else { tiling }
    }

    /// The elements of a page, if rows are whole pages: a page that two tiles share would be read and
    /// written twice.
    fn page_len(&self) -> usize {
        let layout = self.source.layout();
        let page = PAGE_BYTES / layout.element_bytes().max(1);
        match layout.shape().slice().last() {
            Some(row) if row.is_multiple_of(page) => page,
            _ => 1,
        }
    }

    /// The tiles of the sink.
    fn of_sink(&self, tiling: &Tiling<IxDyn>) -> Tiling<IxDyn> {
        let mut tile = tiling.tile().clone();
        self.whole.iter().for_each(|&axis| tile[axis] = self.sink.shape()[axis]);
        Tiling::new(self.sink.shape().clone(), tile, Order::C)
    }

    /// The pass, and what it costs.
    pub(crate) fn plan(&self, name: &str, tiles: &Tiles) -> PassPlan {
        let tiling = &tiles.tiling;
        let bytes_read = planned_read_bytes(self.source, tiling, Order::C, self.element);
        let bytes_written = self.sink.bytes();
        let whole = tiling.len() == 1;
        PassPlan {
            name: name.to_owned(),
            tiles: tiling.len(),
            tile: tiling.tile().slice().to_vec(),
            slots: tiles.slots,
            tile_bytes: (tiling.tile().slice().iter().product::<usize>() * self.element) as u64,
            run_bytes_read: if whole { bytes_read } else { tiles.runs.0 },
            run_bytes_written: if whole { bytes_written } else { tiles.runs.1 },
            bytes_read,
            bytes_written,
            memory: tiles.memory,
        }
    }
}
