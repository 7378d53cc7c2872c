//! What transforms do to a tile in memory, for benchmarks alone: no part of the interface.

use ndarray::Ix2;
use num_complex::Complex;
use outcore_storage::{Element, Order, Window};

use crate::fourier::{Direction, Real};
use crate::lanes::{LaneScratch, Lanes};
use crate::tile::Tile;

/// The lanes of a tile along one axis.
pub struct TileLanes<T: Real> {
    window: Window<Ix2>,
    axis: usize,
    lanes: Lanes<T>,
    scratch: LaneScratch<T>,
}

impl<T: Real> TileLanes<T>
where
    Complex<T>: Element,
{
    /// For tiles of a shape in C order.
    pub fn new(shape: (usize, usize), axis: usize, threads: usize) -> Self {
        let window = Window::whole(Ix2(shape.0, shape.1));
        let lanes = Lanes::new(window.shape[axis], axis, Direction::Forward);
        let inner = if axis == 0 { shape.1 } else { 1 };
        let scratch = lanes.scratch(threads, inner);
        Self { window, axis, lanes, scratch }
    }

    /// Transforms every lane.
    pub fn transform(&self, elements: &mut [Complex<T>]) {
        self.lanes.apply(&mut Tile::new(&self.window, elements, Order::C), &self.scratch);
    }

    /// Gathers and scatters every lane, and does nothing to it.
    pub fn visit(&self, elements: &mut [Complex<T>]) {
        let mut tile = Tile::new(&self.window, elements, Order::C);
        tile.par_lanes_mut(self.axis, self.scratch.gathered(), |_, _| ());
    }
}

impl<T: Real> std::fmt::Debug for TileLanes<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TileLanes").field("window", &self.window).finish_non_exhaustive()
    }
}
