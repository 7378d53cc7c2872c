//! How an array is cut for a complex transform: the tiles of all passes, and the memory that they hold.

use ndarray::IxDyn;
use num_complex::Complex;
use outcore_storage::{Element, Stored};
use std::collections::BTreeSet;

use super::axes::{Axes, inner_len, layout};
use super::between::RowTiles;
use super::blocks::{BlockRequest, Blocks, Matrices};
use super::chain::Stage;
use super::long::LongRequest;
use super::tiles::{TileRequest, Tiles};
use crate::fourier::Real;
use crate::lanes::{LaneCost, next_divided};
use crate::plan::{PassPlan, refuse, slots, usable};
use crate::transfer::staging_bytes;
use crate::{Resources, Result};

/// The numbers that a plan is made from.
pub(crate) struct Sizes<'a> {
    pub(crate) axes: &'a Axes,
    /// The source, with places for axes.
    pub(crate) source: &'a dyn Stored<IxDyn>,
    pub(crate) resources: Resources,
    /// Bytes of an element in memory, and of one that is written in the end.
    pub(crate) element: u64,
    pub(crate) written: u64,
    pub(crate) in_place: bool,
    /// What may be done with lanes that do not fit, along each of the transformed places.
    pub(crate) long: Vec<Option<LongRequest>>,
    lanes: LaneCosts,
}

/// How the work is cut into passes.
#[derive(Clone, Debug)]
pub(crate) enum Passes {
    /// Each transforms whole tiles along some axes, and all but the first change the output in place.
    Tiles(Vec<TilePass>),
    /// Columns, then rows, with blocks in between; rows begin at the place `split`.
    Blocks { blocks: Blocks, split: usize },
    /// Stages of which at least one cuts a lane in two.
    Chain(Vec<Stage>),
}

impl Passes {
    /// Whether what a lane that is cut in two is read from is where it is to go.
    pub(crate) fn needs_scratch(&self) -> bool {
        let Self::Chain(stages) = self else { return false };
        stages.iter().skip(1).any(|stage| matches!(stage, Stage::Long(_)))
    }
}

/// A pass over tiles that are whole along the places that it transforms.
#[derive(Clone, Debug)]
pub(crate) struct TilePass {
    pub(crate) places: Vec<usize>,
    pub(crate) tiles: Tiles,
}

/// What transforms of lanes hold, of one type of element.
#[derive(Clone, Copy)]
pub(crate) struct LaneCosts {
    of: fn(usize, usize) -> LaneCost,
    threads: u64,
}

impl LaneCosts {
    pub(crate) fn new<T: Real>(resources: Resources) -> Self
    where
        Complex<T>: Element,
    {
        Self { of: LaneCost::of::<T>, threads: resources.threads.get() as u64 }
    }

    /// The elements of scratch of all threads, for the transforms of a tile along some of its axes.
    pub(crate) fn scratch(&self, tile: &[usize], axes: &[usize]) -> u64 {
        let mut most = LaneCost::default();
        for &axis in axes {
            let cost = (self.of)(tile[axis], inner_len(tile, axis));
            most.gathered = most.gathered.max(cost.gathered);
            most.fft = most.fft.max(cost.fft);
            most.shared = most.shared.max(cost.shared);
        }
        let each = most.gathered.saturating_add(most.fft);
        self.threads.saturating_mul(each).saturating_add(most.shared)
    }

    /// The elements of the tables of transforms of some lengths.
    pub(crate) fn tables(&self, lens: impl Iterator<Item = usize>) -> u64 {
        let lens: BTreeSet<usize> = lens.collect();
        total(lens.into_iter().map(|len| (self.of)(len, 1).tables))
    }
}

impl<'a> Sizes<'a> {
    pub(crate) fn new<T: Real>(
        axes: &'a Axes,
        source: &'a dyn Stored<IxDyn>,
        resources: Resources,
    ) -> Self
    where
        Complex<T>: Element,
    {
        let element = size_of::<Complex<T>>() as u64;
        let lanes = LaneCosts::new::<T>(resources);
        let long = Vec::new();
        Self { axes, source, resources, element, written: element, in_place: false, long, lanes }
    }

    /// The least number of passes; of these, the ones that take the least time.
    pub(crate) fn passes(&self, operation: &str) -> Result<Passes> {
        let limit = usable(self.resources);
        let count = self.axes.transformed().len();
        for passes in 1..=count.max(1) {
            let tiles = self.tiles(passes, limit);
            let blocks = if passes == 2 { self.best_blocks(limit) } else { None };
            match (tiles, blocks) {
                (Some(tiles), Some((blocks, _))) if duration(&tiles) < blocks.duration => {
                    return Ok(Passes::Tiles(tiles));
                }
                (_, Some((blocks, split))) => return Ok(Passes::Blocks { blocks, split }),
                (Some(tiles), None) => return Ok(Passes::Tiles(tiles)),
                (None, None) => {}
            }
        }
        if let Some(stages) = self.chain(limit) {
            return Ok(Passes::Chain(stages));
        }
        let least = self.least().min(self.least_chain());
        Err(refuse(&format!("{operation}{}", self.undivided()), least, self.resources))
    }

    /// Says of the first long lane that cannot be cut in two which length could.
    fn undivided(&self) -> String {
        let mut lens = self.axes.transformed().iter().map(|&place| self.axes.lens()[place]);
        let next = lens.find_map(|len| Some((len, next_divided(len)?)));
        next.map_or_else(String::new, |(len, next)| {
            format!(", of which length {len} cannot be cut in two, but {next} can,")
        })
    }

    /// The smallest cost of all ways: every axis by itself, or blocks of the smallest tiles.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "a method is not general enough")]
    fn least(&self) -> u64 {
        let alone = self.axes.transformed().iter().map(|&place| self.least_of(&[place]));
        let alone = alone.max().unwrap_or_else(|| self.least_of(&[]));
        let blocks = self.splits().map(|split| self.blocks(split, |request| request.least()));
        blocks.min().unwrap_or(u64::MAX).min(alone)
    }

    #[expect(clippy::redundant_closure_for_method_calls, reason = "a method is not general enough")]
    pub(super) fn least_of(&self, places: &[usize]) -> u64 {
        self.tile_request(places, true, true, |request| request.least())
    }

    /// Passes that each transform neighbours among the transformed places, from the slowest on.
    fn tiles(&self, passes: usize, limit: u64) -> Option<Vec<TilePass>> {
        let places = self.axes.transformed();
        let all = partitions(places.len(), passes).into_iter().filter_map(|ends| {
            let begins = [0].into_iter().chain(ends.iter().copied());
            let parts = begins.zip(&ends).enumerate().map(|(index, (begin, &end))| {
                self.tile_pass(&places[begin..end], index == 0, index + 1 == passes, limit)
            });
            parts.collect::<Option<Vec<_>>>()
        });
        all.min_by(|one, other| duration(one).total_cmp(&duration(other)))
    }

    pub(super) fn tile_pass(
        &self,
        places: &[usize],
        first: bool,
        last: bool,
        limit: u64,
    ) -> Option<TilePass> {
        let tiles = self.tile_request(places, first, last, |request| request.best(limit))?;
        Some(TilePass { places: places.to_vec(), tiles })
    }

    /// What a pass along some places asks of its tiles. All but the first read the array between the
    /// passes, and all but the last write it.
    pub(super) fn tile_request<R>(
        &self,
        places: &[usize],
        first: bool,
        last: bool,
        then: impl FnOnce(&TileRequest<'_>) -> R,
    ) -> R {
        let of_bytes = |bytes: u64| {
            let bytes = usize::try_from(bytes).expect("few bytes");
            layout(self.axes, bytes, self.source.layout().offset())
        };
        let between = of_bytes(self.element);
        let sink = of_bytes(if last { self.written } else { self.element });
        then(&TileRequest {
            source: if first { self.source } else { &between },
            sink: &sink,
            whole: places,
            element: usize::try_from(self.element).expect("few bytes"),
            cost: &|tile, slots| self.cost(product(tile), slots, self.lanes.scratch(tile, places)),
        })
    }

    fn cost(&self, tile: u64, slots: usize, scratch: u64) -> u64 {
        let tables = self.axes.transformed().iter().map(|&place| self.axes.lens()[place]);
        let elements = [tile.saturating_mul(slots as u64), scratch, self.lanes.tables(tables)];
        let elements = total(elements);
        let read = self.element.max(self.source.layout().element_bytes() as u64);
        let written = self.element.max(self.written);
        let (read, written) = (tile.saturating_mul(read), tile.saturating_mul(written));
        let staging = staging_bytes(self.source.copies(), read, written, slots);
        elements.saturating_mul(self.element).saturating_add(staging)
    }

    /// The places at which columns may end and rows begin. In place there is no room for blocks.
    fn splits(&self) -> impl Iterator<Item = usize> {
        let splits = if self.in_place { &[] } else { self.axes.transformed() };
        splits.iter().copied().skip(1)
    }

    fn best_blocks(&self, limit: u64) -> Option<(Blocks, usize)> {
        let best = self.splits().filter_map(|split| {
            self.blocks(split, |request| request.best(limit)).map(|blocks| (blocks, split))
        });
        best.min_by(|one, other| one.0.duration.total_cmp(&other.0.duration))
    }

    /// What two passes, over columns of the places before `split` and rows of the others, ask of their
    /// tiles.
    fn blocks<R>(&self, split: usize, then: impl FnOnce(&BlockRequest<'_>) -> R) -> R {
        let [matrices, rows, len] = self.axes.third_lens(split);
        let layout = self.source.layout();
        then(&BlockRequest {
            of: Matrices::new(matrices, rows, len, self.element),
            read: layout.element_bytes() as u64,
            output_bytes: layout.len() as u64 * self.written,
            columns_cost: &|width, slots| self.columns_cost(split, width, slots),
            rows_cost: &|rows| self.rows_cost(split, rows),
        })
    }

    /// The memory of the pass over tiles of so many columns.
    fn columns_cost(&self, split: usize, width: usize, slots: usize) -> u64 {
        let [matrices, count, len] = self.axes.third_lens(split);
        let slots = slots.min(matrices * len.div_ceil(width));
        let (dims, axes) = self.axes.column(split, width);
        let tile = (count as u64).saturating_mul(width as u64);
        self.cost(tile, slots, self.lanes.scratch(&dims, &axes))
    }

    /// The memory of the pass over tiles of rows. Of more than one row there are two copies: as they
    /// are read, and put together.
    fn rows_cost(&self, split: usize, rows: RowTiles) -> u64 {
        let [matrices, _, len] = self.axes.third_lens(split);
        let height = rows.tallest();
        let copies = if height > 1 { 2 } else { 1 };
        let slots = copies * slots(rows.len() * matrices);
        let (dims, axes) = self.axes.row(split, height);
        let tile = (len as u64).saturating_mul(height as u64);
        self.cost(tile, slots, self.lanes.scratch(&dims, &axes))
    }

    /// The passes, and what each costs; and the bytes that stay in memory between them.
    pub(crate) fn plans(&self, passes: &Passes) -> (Vec<PassPlan>, u64) {
        match passes {
            Passes::Tiles(passes) => {
                let last = passes.len() - 1;
                let plan = |(index, pass): (usize, &TilePass)| {
                    let name = self.axes.name(&pass.places);
                    let plan = |request: &TileRequest<'_>| request.plan(name, &pass.tiles);
                    self.tile_request(&pass.places, index == 0, index == last, plan)
                };
                (passes.iter().enumerate().map(plan).collect(), 0)
            }
            Passes::Blocks { blocks, split } => self.blocks(*split, |request| {
                (request.plans(blocks), request.kept_bytes(&blocks.cuts))
            }),
            Passes::Chain(stages) => (self.chain_plans(stages), 0),
        }
    }
}

fn duration(passes: &[TilePass]) -> f64 {
    passes.iter().map(|pass| pass.tiles.duration).sum()
}

/// The ends of so many parts, none of them empty, of a number of neighbours: all ways. A single part may
/// be empty.
fn partitions(len: usize, parts: usize) -> Vec<Vec<usize>> {
    if parts == 1 {
        return vec![vec![len]];
    }
    let before = (parts - 1..len).flat_map(|last| partitions(last, parts - 1));
    before.map(|ends| [&ends[..], &[len]].concat()).collect()
}

/// A sum of costs: what cannot be counted is too much.
pub(crate) fn total(costs: impl IntoIterator<Item = u64>) -> u64 {
    costs.into_iter().fold(0, u64::saturating_add)
}

pub(crate) fn product(lens: &[usize]) -> u64 {
    lens.iter().fold(1, |product, &len| product.saturating_mul(len as u64))
}
