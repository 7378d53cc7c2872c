//! Lanes of real numbers that are longer than memory: what both directions have in common.
//!
//! Pairs of numbers are transformed as complex ones, in the two passes of `fft/long.rs`. The half spectrum is
//! made in the second pass of the forward transform, and taken apart in the first one of the inverse: there
//! an element needs the one of opposite frequency, which is in the row or the column of opposite number, so
//! tiles are in pairs.

use ndarray::Dimension;
use num_complex::Complex;
use outcore_storage::{Element, Stored};
use std::marker::PhantomData;

use super::axes::Axes;
use super::between::{RowTiles, turn_bytes};
use super::blocks::{BlockRequest, Blocks, Matrices};
use crate::Resources;
use crate::fourier::Real;
use crate::lanes::{cost, halves_len, next_divided_reals, real_factors, roots_len};
use crate::plan::{SLOTS, duration};
use crate::tile::gathered_len;
use crate::transfer::staging_bytes;

/// So many lanes of N1 N2 pairs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lens {
    pub(crate) outer: usize,
    pub(crate) one: usize,
    pub(crate) other: usize,
}

/// How they are cut.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) lens: Lens,
    pub(crate) blocks: Blocks,
    /// The tiles of rows in memory at a time, or pairs of them.
    pub(crate) row_slots: usize,
}

/// What plans for lanes of `T` are made from.
pub(crate) struct Reals<T> {
    pub(crate) lens: Lens,
    resources: Resources,
    /// Bytes of a pair, or of an element of the spectrum, in the source.
    pub(crate) read: u64,
    copies: usize,
    real: PhantomData<fn() -> T>,
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

/// Why lanes that are longer than memory, of so many numbers, are not cut in two, to be put after what is
/// refused; nothing of lanes that are.
pub(crate) fn undivided<D: Dimension>(
    axes: &Axes,
    source: &(impl Stored<D> + ?Sized),
    place: usize,
    len: usize,
) -> String {
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

impl<T: Real> Reals<T>
where
    Complex<T>: Element,
{
    /// Of lanes of so many numbers; each pair has so many bytes in the source, and is copied so often. `None`
    /// unless the fastest axis alone is transformed, of a length that is cut in two, and there is something
    /// to cut.
    pub(crate) fn new<D: Dimension>(
        axes: &Axes,
        source: &(impl Stored<D> + ?Sized),
        len: usize,
        (read, copies): (u64, usize),
        resources: Resources,
    ) -> Option<Self> {
        let last = axes.last();
        let is_possible = source.has_runs() && !source.layout().is_empty();
        if axes.transformed() != [last] || !is_possible {
            return None;
        }
        let (one, other) = real_factors(len)?;
        let lens = Lens { outer: axes.lens()[..last].iter().product(), one, other };
        Some(Self { lens, resources, read, copies, real: PhantomData })
    }

    /// Bytes of an element between the passes.
    pub(crate) const ELEMENT: u64 = size_of::<Complex<T>>() as u64;

    pub(crate) fn request<'a>(
        &self,
        rows: RowTiles,
        columns_cost: &'a dyn Fn(usize, usize) -> u64,
        rows_cost: &'a dyn Fn(RowTiles) -> u64,
    ) -> BlockRequest<'a> {
        let Lens { outer, one, other } = self.lens;
        let of = Matrices::new(outer, one, other, Self::ELEMENT);
        BlockRequest {
            of: Matrices { mirrored: rows.mirrored, fixed: Some(rows), ..of },
            read: self.read,
            output_bytes: (outer * one * other) as u64 * Self::ELEMENT,
            columns_cost,
            rows_cost,
        }
    }

    /// The memory of the pass over tiles of so many columns.
    pub(crate) fn columns_cost(&self, width: usize, slots: usize) -> u64 {
        let one = self.lens.one;
        let gathered = gathered_len::<Complex<T>>(one, width) as u64;
        self.cost(one as u64 * width as u64, slots, gathered + cost(one).1)
    }

    /// The memory of the pass over so many rows at a time, of which so many are turned together.
    pub(crate) fn rows_cost(&self, height: usize, turned: usize, slots: usize) -> u64 {
        let other = self.lens.other;
        let cost = self.cost(height as u64 * other as u64, slots, cost(other).1);
        cost.saturating_add(turn_bytes::<Complex<T>>(turned, other))
    }

    fn cost(&self, tile: u64, slots: usize, scratch: u64) -> u64 {
        let Lens { one, other, .. } = self.lens;
        let threads = self.resources.threads.get() as u64;
        let halves = halves_len::<T>(one, other).max(halves_len::<T>(other, one));
        let tables = cost(one).0 + cost(other).0 + roots_len::<T>(one * other) + halves;
        let elements = tile.saturating_mul(slots as u64).saturating_add(threads * scratch + tables);
        let read = tile.saturating_mul(self.read.max(Self::ELEMENT));
        let written = tile.saturating_mul(Self::ELEMENT);
        let staging = staging_bytes(self.copies, read, written, slots);
        elements.saturating_mul(Self::ELEMENT).saturating_add(staging)
    }
}
