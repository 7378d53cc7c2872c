//! The transforms of a pass, forward and back, along some axes of its tiles.
//!
//! Forward from the fastest axis to the slowest, back the other way round: so the order of the axes is the
//! same whether one pass does all of it or three, and wherever rows end and columns begin.

use ndarray::{Dimension, IxDyn};
use num_complex::Complex;
use outcore_storage::{Element, Order};

use crate::fft::axes::inner_len;
use crate::fourier::{Direction, Real};
use crate::lanes::{LaneScratch, Lanes};
use crate::tile::Tile;

/// The transforms along some axes, from the slowest to the fastest.
pub(super) struct Transforms<T: Real> {
    pub(super) forward: Vec<Lanes<T>>,
    pub(super) back: Vec<Lanes<T>>,
    scratch: LaneScratch<T>,
}

impl<T: Real> Transforms<T>
where
    Complex<T>: Element,
{
    /// For tiles of a shape at most; the axes of the transforms are those of the tile.
    pub(super) fn new(
        forward: Vec<Lanes<T>>,
        back: Vec<Lanes<T>>,
        tile: &[usize],
        threads: usize,
    ) -> Self {
        let lens = forward.iter().map(|lanes| (lanes.len(), inner_len(tile, lanes.axis())));
        let scratch = LaneScratch::new(threads, lens);
        Self { forward, back, scratch }
    }

    pub(super) fn forward(&self, shape: &IxDyn, elements: &mut [Complex<T>]) {
        let mut tile = Tile::of_shape(shape, elements, Order::C);
        self.forward.iter().rev().for_each(|lanes| lanes.apply(&mut tile, &self.scratch));
    }

    /// Transforms lane after lane of columns that have one axis, does something with each, and transforms it
    /// back: all of it in the place that lanes are gathered to. Returns whether it did.
    pub(super) fn forward_and_back(
        &self,
        shape: &IxDyn,
        elements: &mut [Complex<T>],
        each: &(dyn Fn(usize, &mut [Complex<T>]) + Sync),
    ) -> bool {
        let ([forward], [back]) = (&self.forward[..], &self.back[..]) else { return false };
        if shape.ndim() != 2 || forward.axis() != 0 || !forward.is_whole() {
            return false;
        }
        let mut tile = Tile::of_shape(shape, elements, Order::C);
        tile.par_lanes_mut(0, self.scratch.gathered(), |column, lane| {
            forward.apply_to_lane(lane, &self.scratch);
            each(column, lane);
            back.apply_to_lane(lane, &self.scratch);
        });
        true
    }

    pub(super) fn back(&self, shape: &IxDyn, elements: &mut [Complex<T>]) {
        let mut tile = Tile::of_shape(shape, elements, Order::C);
        self.back.iter().for_each(|lanes| lanes.apply(&mut tile, &self.scratch));
    }
}

/// The transform along each of some places; equal ones share their tables.
pub(super) fn lanes<T: Real>(
    lens: &[usize],
    places: impl Iterator<Item = usize>,
    direction: Direction,
) -> Vec<Lanes<T>>
where
    Complex<T>: Element,
{
    let mut all: Vec<Lanes<T>> = Vec::new();
    for place in places {
        let same = all.iter().find(|lanes| lanes.len() == lens[place]);
        let lanes = same.map(|lanes| lanes.along(place));
        all.push(lanes.unwrap_or_else(|| Lanes::new(lens[place], place, direction)));
    }
    all
}
