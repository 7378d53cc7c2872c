//! How a source is cut for a scan: runs as long as may be, and the tiles of the same lanes one after
//! another.

use ndarray::{Dimension, IxDyn};
use outcore_storage::{Order, Stored};

use super::pass::LANES;
use crate::grouped::Grouped;
use crate::pass::run_bytes;
use crate::plan::{PREFERRED_BYTES, PassPlan, SLOTS, duration, grow, refuse, usable};
use crate::tiling::Tiling;
use crate::transfer::{planned_read_bytes, staging_bytes};
use crate::{Resources, Result};

/// How a source is cut for a scan.
pub(super) struct Sizes<'a, D> {
    pub(super) source: Grouped<'a, dyn Stored<D> + 'a, D>,
    /// The group that is scanned; none if the axis has length 1.
    pub(super) along: Option<usize>,
    pub(super) read: u64,
    pub(super) elements: (usize, usize),
    pub(super) state: u64,
}

impl<D: Dimension> Sizes<'_, D> {
    pub(super) fn best(
        &self,
        operation: &str,
        resources: Resources,
    ) -> Result<(Tiling<IxDyn>, usize)> {
        let limit = usable(resources);
        let choices = (1..=SLOTS).rev().filter_map(|slots| self.choice(slots, limit));
        let choice = choices.min_by(|one, other| one.0.total_cmp(&other.0));
        let least = || self.cost(&IxDyn(&vec![1; self.source.shape().ndim()]), 1);
        let (_, tiling, slots) = choice.ok_or_else(|| refuse(operation, least(), resources))?;
        Ok((tiling, slots))
    }

    fn choice(&self, slots: usize, limit: u64) -> Option<(f64, Tiling<IxDyn>, usize)> {
        let shape = self.source.shape();
        let mut tile = IxDyn(&vec![1; shape.ndim()]);
        let largest = self.elements.0.max(self.elements.1);
        let most = PREFERRED_BYTES / largest;
        (self.cost(&tile, slots) <= limit).then_some(())?;
        let axes = (0..shape.ndim()).rev().map(|axis| (axis, 1));
        grow(&mut tile, &shape, axes, most, limit, |tile| self.cost(tile, slots))?;
        let tiling = Tiling::new(shape, tile, Order::C);
        // The tiles of the same lanes one after another.
        let mut axes: Vec<usize> = (0..tiling.tile().ndim()).collect();
        if let Some(along) = self.along {
            axes.remove(along);
            axes.push(along);
        }
        let tiling = tiling.numbered_along(axes);
        let slots = slots.min(tiling.len()).max(1);
        let run = run_bytes(&self.source, &tiling);
        let written = run / self.read.max(1) * self.elements.1 as u64;
        let len = self.source.layout().len() as u64;
        let duration =
            duration([(len * self.read, run), (len * self.elements.1 as u64, written)], slots);
        Some((duration, tiling, slots))
    }

    fn cost(&self, tile: &IxDyn, slots: usize) -> u64 {
        let len = tile.slice().iter().fold(1_u64, |len, &axis| len.saturating_mul(axis as u64));
        let lanes = len / self.along.map_or(1, |along| tile[along].max(1) as u64);
        let tiles = (self.elements.0 + self.elements.1) as u64 * slots as u64;
        // The part of each row that each thread takes.
        let rows = len / LANES as u64 * size_of::<&[u8]>() as u64;
        let staging = staging_bytes(
            self.source.copies(),
            len.saturating_mul(self.read),
            len.saturating_mul(self.elements.1 as u64),
            slots,
        );
        len.saturating_mul(tiles)
            .saturating_add(lanes.saturating_mul(self.state))
            .saturating_add(rows)
            .saturating_add(staging)
    }

    pub(super) fn pass(&self, tiling: &Tiling<IxDyn>, slots: usize) -> PassPlan {
        let tile = tiling.tile();
        let run_bytes_read = run_bytes(&self.source, tiling);
        PassPlan {
            name: "scan".to_owned(),
            tiles: tiling.len(),
            tile: tile.slice().to_vec(),
            slots,
            tile_bytes: (tile.slice().iter().product::<usize>() * self.elements.0) as u64,
            run_bytes_read,
            run_bytes_written: run_bytes_read / self.read.max(1) * self.elements.1 as u64,
            bytes_read: planned_read_bytes(&self.source, tiling, Order::C, self.elements.0),
            bytes_written: self.source.layout().len() as u64 * self.elements.1 as u64,
            memory: self.cost(tile, slots),
        }
    }
}
