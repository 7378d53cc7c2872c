//! Reading a whole array once, tile by tile, in the order of its file.
//!
//! ```text
//!     ┌──────────────┐   Tiles are long runs of the file: whole rows where they fit, else parts of a
//!     ├──────────────┤   row. Where lanes must stay whole, their axis is covered, and the others are
//!     └──────────────┘   cut.
//! ```

use ndarray::{ArrayView, Dimension};
use outcore_storage::{Element, Order, Source, Stored, Window};

use crate::pass::{ReadOnly, run_bytes};
use crate::plan::{PREFERRED_BYTES, PassPlan, Run, SLOTS, greatest, slots, usable};
use crate::tiling::Tiling;
use crate::transfer::{planned_read_bytes, staging_bytes};
use crate::{Resources, Result};

/// Tiles that are shorter cost time, so only where the budget leaves no other choice.
const WORTHWHILE_BYTES: usize = 64 << 10;

/// Shorter ones cost more memory for their bookkeeping than they save.
const LEAST_BYTES: usize = 1 << 10;

/// The tiles of a pass that reads elements `T`.
#[derive(Clone, Debug)]
pub(crate) struct Sweep<D> {
    pub(crate) tiling: Tiling<D>,
    element: usize,
    /// The bytes of an element where it is read.
    stored: usize,
    /// How often the source copies what it reads.
    copies: usize,
    /// The order in which tiles are read, whatever that of the source that is read.
    pub(crate) order: Order,
}

impl<D: Dimension> Sweep<D> {
    /// Tiles of at most so many lanes along an axis, or elements.
    fn new<T>(source: &dyn Stored<D>, lanes: usize, whole: Option<usize>) -> Self {
        let layout = source.layout();
        let mut tile = layout.shape().clone();
        let mut room = lanes.max(1);
        for axis in layout.axes().rev().filter(|&axis| Some(axis) != whole) {
            tile[axis] = tile[axis].min(room);
            room /= tile[axis].max(1);
        }
        let tiling = Tiling::new(layout.shape().clone(), tile, layout.order());
        let copies = source.copies();
        let (stored, order) = (layout.element_bytes(), layout.order());
        Self { tiling, element: size_of::<T>(), stored, copies, order }
    }

    /// The whole array as one tile.
    pub(crate) fn in_one<T>(source: &dyn Stored<D>) -> Self {
        Self::new::<T>(source, usize::MAX, None)
    }

    /// The longest tiles, up to some that are long enough, that fit a budget together with what else
    /// a tile costs. `Err` has the least that any tiles cost.
    pub(crate) fn fit<T>(
        source: &dyn Stored<D>,
        whole: Option<usize>,
        resources: Resources,
        beside: impl Fn(&Self) -> u64,
    ) -> Result<Self, u64> {
        let layout = source.layout();
        let lane = whole.map_or(1, |axis| layout.shape()[axis]).max(1);
        let lanes_of =
            |bytes: usize| (bytes / size_of::<T>() / lane).min(layout.len() / lane).max(1);
        let (most, least) = (lanes_of(PREFERRED_BYTES), lanes_of(LEAST_BYTES));
        let of = |lanes: usize| Self::new::<T>(source, lanes.max(least), whole);
        let cost = |sweep: &Self| sweep.bytes().saturating_add(beside(sweep));
        let limit = usable(resources);
        // One tile takes less than three that are hardly smaller.
        let one = Self::new::<T>(source, usize::MAX, whole);
        if one.tile_bytes() <= PREFERRED_BYTES as u64 && cost(&one) <= limit {
            return Ok(one);
        }
        let lanes = greatest(most, limit, |lanes| cost(&of(lanes)));
        let lanes = lanes.map(of).or_else(|| (cost(&one) <= limit).then(|| one.clone()));
        lanes.ok_or_else(|| cost(&of(1)).min(cost(&one)))
    }

    /// Whether tiles are long enough not to be slow.
    pub(crate) fn is_worthwhile(&self) -> bool {
        self.tiling.len() <= 1 || self.tile_bytes() >= WORTHWHILE_BYTES as u64
    }

    /// The tiles under way at a time.
    pub(crate) fn slots(&self) -> usize {
        slots(self.tiling.len())
    }

    /// The same for any tiling of more than one tile, so that what is held grows with the tiles.
    pub(crate) fn most_slots(&self) -> usize {
        if self.tiling.len() <= 1 { self.slots() } else { SLOTS }
    }

    /// The lanes of a tile along an axis.
    pub(crate) fn lanes(&self, axis: usize) -> usize {
        self.tiling.tile().size() / self.tiling.tile()[axis].max(1)
    }

    pub(crate) fn tile_bytes(&self) -> u64 {
        self.tiling.tile().size() as u64 * self.element as u64
    }

    /// What reading holds: the tiles under way, and what sources hold meanwhile.
    pub(crate) fn bytes(&self) -> u64 {
        let read = self.tiling.tile().size() as u64 * self.stored as u64;
        let slots = self.most_slots();
        let tiles = self.tile_bytes().saturating_mul(slots as u64);
        tiles.saturating_add(staging_bytes(self.copies, read, 0, slots))
    }

    /// The plan of a pass over the tiles, which holds so much besides them.
    pub(crate) fn pass<T>(
        &self,
        name: impl Into<String>,
        source: &dyn Stored<D>,
        beside: u64,
    ) -> PassPlan {
        PassPlan {
            name: name.into(),
            tiles: self.tiling.len(),
            tile: self.tiling.tile().slice().to_vec(),
            slots: self.slots(),
            tile_bytes: self.tile_bytes(),
            run_bytes_read: run_bytes(source, &self.tiling),
            run_bytes_written: 0,
            bytes_read: planned_read_bytes(source, &self.tiling, self.order, size_of::<T>()),
            bytes_written: 0,
            memory: self.bytes().saturating_add(beside),
        }
    }

    /// Runs a pass that reads every tile, in the order of the file, and calls a function with its
    /// elements. Both are `dyn`, so that this is compiled once for each type of element.
    pub(crate) fn run<T: Element>(
        &self,
        run: &mut Run<'_, '_>,
        source: &dyn Source<T, D>,
        each: &(dyn Fn(&[T]) + Sync),
    ) -> Result<()> {
        run.pass(&ReadOnly {
            tiling: &self.tiling,
            order: self.order,
            source,
            kernel: |_: &Window<D>, tile: ArrayView<'_, T, D>| {
                each(tile.as_slice_memory_order().expect("a tile is contiguous"));
            },
        })
    }
}
