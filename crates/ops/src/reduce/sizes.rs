//! How a source is cut for a reduction.

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Order, Stored};

use super::reducer::{LEAF, LEAF_ROWS, Reducer};
use crate::grouped::{Grouped, Groups};
use crate::pass::run_bytes;
use crate::plan::{PREFERRED_BYTES, PassPlan, SLOTS, duration, grow, refuse, usable};
use crate::tiling::Tiling;
use crate::transfer::{planned_read_bytes, staging_bytes};
use crate::{Resources, Result};

/// What the groups of axes are to a reduction.
#[derive(Clone, Debug)]
pub(super) struct Axes {
    pub(super) shape: IxDyn,
    /// Which groups are reduced.
    pub(super) reduced: Vec<bool>,
    /// How far one step along a reduced group is, in C order of the reduced axes.
    pub(super) weights: Vec<u64>,
}

impl Axes {
    pub(super) fn new(groups: &Groups, reduced: &[bool], shape: &[usize]) -> Self {
        let weight = |group: &Vec<usize>| {
            let last = group.iter().copied().max().unwrap_or(0);
            let later = (last + 1..shape.len()).filter(|&axis| reduced[axis]);
            later.map(|axis| shape[axis] as u64).product()
        };
        Self {
            shape: groups.shape(),
            reduced: groups.axes().iter().map(|group| reduced[group[0]]).collect(),
            weights: groups.axes().iter().map(weight).collect(),
        }
    }

    /// Whether neighbours in memory belong to one element of the result.
    pub(super) fn fast_is_reduced(&self) -> bool {
        self.reduced.last().copied().unwrap_or(true)
    }

    /// Tiles are cut at multiples of this along a group.
    fn unit(&self, group: usize) -> usize {
        let last = self.reduced.len() - 1;
        let unit = match (self.fast_is_reduced(), last - group) {
            (true, 0) => LEAF,
            (false, 1) => LEAF_ROWS,
            _ => 1,
        };
        unit.min(self.shape[group]).max(1)
    }
}

/// Leaves that are made at a time, at most.
pub(super) const LEAVES: usize = 8192;
/// Columns that a thread takes at a time.
pub(super) const COLUMNS: usize = 512;

/// The bytes that a reduction has of each thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes {
    element: usize,
    leaf: u64,
    state: u64,
    out: u64,
}

impl Bytes {
    pub(super) fn of<A, R: Reducer<A>>() -> Self {
        Self {
            element: size_of::<A>(),
            leaf: size_of::<R::Leaf>() as u64,
            state: size_of::<R::State>() as u64,
            out: size_of::<R::Out>() as u64,
        }
    }
}

pub(super) struct Sizes<'a, D> {
    source: Grouped<'a, dyn Stored<D> + 'a, D>,
    axes: Axes,
    threads: usize,
    bytes: Bytes,
}

impl<'a, D: Dimension> Sizes<'a, D> {
    pub(super) fn new(
        source: &'a dyn Stored<D>,
        groups: &'a Groups,
        reduced: &[bool],
        threads: usize,
        bytes: Bytes,
    ) -> Self {
        let axes = Axes::new(groups, reduced, source.shape().slice());
        Self { source: Grouped::new(source, groups), axes, threads, bytes }
    }

    /// The tiles, whether the result is made block by block, and the pass.
    pub(super) fn best(
        &self,
        operation: &str,
        resources: Resources,
    ) -> Result<(Tiling<IxDyn>, bool, PassPlan)> {
        let limit = usable(resources);
        let choices = (1..=SLOTS).rev().flat_map(|slots| {
            [false, true].into_iter().filter_map(move |blocks| self.choice(slots, blocks, limit))
        });
        let choice = choices.min_by(|one, other| one.0.total_cmp(&other.0));
        let Some((_, tiling, slots, blocks)) = choice else {
            let least = self.cost(&self.least(), 1, true).min(self.cost(&self.least(), 1, false));
            return Err(refuse(operation, least, resources));
        };
        let memory = self.cost(tiling.tile(), slots, blocks);
        let tile = tiling.tile();
        let kept = self.kept_len(&self.axes.shape);
        let pass = PassPlan {
            name: if blocks { "reduce, block by block" } else { "reduce" }.to_owned(),
            tiles: tiling.len(),
            tile: tile.slice().to_vec(),
            slots,
            tile_bytes: (tile.slice().iter().product::<usize>() * self.bytes.element) as u64,
            run_bytes_read: run_bytes(&self.source, &tiling),
            run_bytes_written: if blocks {
                self.kept_len(tile) * self.bytes.out
            } else {
                kept * self.bytes.out
            },
            bytes_read: planned_read_bytes(&self.source, &tiling, Order::C, self.bytes.element),
            bytes_written: kept * self.bytes.out,
            memory,
        };
        Ok((tiling, blocks, pass))
    }

    fn choice(
        &self,
        slots: usize,
        blocks: bool,
        limit: u64,
    ) -> Option<(f64, Tiling<IxDyn>, usize, bool)> {
        let mut tile = self.least();
        (self.cost(&tile, slots, blocks) <= limit).then_some(())?;
        // Block by block, a tile has all of the result that is in memory.
        let (kept, reduced): (Vec<usize>, Vec<usize>) =
            (0..tile.ndim()).partition(|&group| !self.axes.reduced[group]);
        let growing: Vec<usize> = if blocks {
            kept.iter().rev().chain(reduced.iter().rev()).copied().collect()
        } else {
            (0..tile.ndim()).rev().collect()
        };
        let growing = growing.into_iter().map(|group| (group, self.axes.unit(group)));
        let most = PREFERRED_BYTES / self.bytes.element;
        let shape = &self.axes.shape;
        grow(&mut tile, shape, growing, most, limit, |tile| self.cost(tile, slots, blocks))?;
        let mut tiling = Tiling::new(self.axes.shape.clone(), tile, Order::C);
        if blocks {
            tiling = tiling.numbered_along(kept.into_iter().chain(reduced).collect());
        }
        let slots = slots.min(tiling.len()).max(1);
        let run = run_bytes(&self.source, &tiling);
        Some((duration([(self.source.layout().bytes(), run)], slots), tiling, slots, blocks))
    }

    /// The smallest tile.
    fn least(&self) -> IxDyn {
        let lens: Vec<usize> = (0..self.axes.reduced.len())
            .map(|group| self.axes.unit(group).min(self.axes.shape[group].max(1)))
            .collect();
        IxDyn(&lens)
    }

    /// The elements of the result in a box.
    fn kept_len(&self, shape: &IxDyn) -> u64 {
        let lens = shape.slice().iter().zip(&self.axes.reduced);
        lens.filter(|(_, reduced)| !**reduced).map(|(&len, _)| len as u64).product()
    }

    fn cost(&self, tile: &IxDyn, slots: usize, blocks: bool) -> u64 {
        let len = tile.slice().iter().fold(1_u64, |len, &axis| len.saturating_mul(axis as u64));
        let block = self.kept_len(if blocks { tile } else { &self.axes.shape });
        let results = if blocks { slots as u64 } else { 1 };
        let read = len.saturating_mul(self.source.layout().element_bytes() as u64);
        let leaves = (LEAVES + self.threads * COLUMNS) as u64 * self.bytes.leaf;
        let tiles = len.saturating_mul(self.bytes.element as u64).saturating_mul(slots as u64);
        let each = self.bytes.state + results * self.bytes.out;
        tiles.saturating_add(block.saturating_mul(each)).saturating_add(leaves).saturating_add(
            staging_bytes(self.source.copies(), read, block.saturating_mul(self.bytes.out), slots),
        )
    }
}
