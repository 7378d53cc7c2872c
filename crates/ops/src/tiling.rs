//! Cutting an array into tiles.
//!
//! ```text
//!     ┌─────┬─────┬──┐   Tiles of one shape, ragged at the ends. They are numbered in the order of
//!     │  0  │  1  │ 2│   the file, so that a pass reads forward.
//!     ├─────┼─────┼──┤
//!     │  3  │  4  │ 5│
//!     └─────┴─────┴──┘
//! ```
//!
//! The first tile may be shorter along an axis, so that the edges of the others fall on page
//! boundaries of the file: a page that two tiles share is read and written twice.

use ndarray::Dimension;
use outcore_storage::{Order, Window};

/// The tiles of an array: windows of one shape, ragged at the ends, that cover it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiling<D> {
    shape: D,
    tile: D,
    /// How much shorter the first tile along each axis is.
    lead: D,
    /// The axes from the slowest to the fastest, in which tiles are numbered.
    axes: Vec<usize>,
}

impl<D: Dimension> Tiling<D> {
    /// Tiles of a shape, cut off where they would be longer than the array.
    ///
    /// # Panics
    ///
    /// If the tile has another number of axes than the array, or an axis of length 0 where the
    /// array has none.
    pub fn new(shape: D, mut tile: D, order: Order) -> Self {
        assert_eq!(shape.ndim(), tile.ndim(), "a tile has as many axes as its array");
        for (tile, &len) in tile.slice_mut().iter_mut().zip(shape.slice()) {
            assert!(*tile > 0 || len == 0, "a tile of length 0 covers nothing");
            *tile = (*tile).min(len);
        }
        let lead = D::zeros(shape.ndim());
        let count = shape.ndim();
        let axes = match order {
            Order::C => (0..count).collect(),
            Order::F => (0..count).rev().collect(),
        };
        Self { shape, tile, lead, axes }
    }

    /// The same tiles with the first ones along an axis shorter by `lead` elements.
    ///
    /// # Panics
    ///
    /// If that leaves nothing of them.
    #[must_use]
    pub fn with_lead(mut self, axis: usize, lead: usize) -> Self {
        assert!(lead < self.tile[axis], "a lead of {lead} leaves nothing of {}", self.tile[axis]);
        self.lead[axis] = lead;
        self
    }

    /// The same tiles numbered along other axes first: these are from the slowest to the fastest.
    #[must_use]
    pub(crate) fn numbered_along(mut self, axes: Vec<usize>) -> Self {
        self.axes = axes;
        self
    }

    /// The number of tiles.
    pub fn len(&self) -> usize {
        let empty = self.shape.slice().contains(&0);
        if empty { 0 } else { (0..self.shape.ndim()).map(|axis| self.count(axis)).product() }
    }

    /// Whether there are no tiles, because the array has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shape of all tiles but the ragged ones.
    pub fn tile(&self) -> &D {
        &self.tile
    }

    /// The window of a tile.
    ///
    /// # Panics
    ///
    /// If there are not so many tiles.
    pub fn window(&self, index: usize) -> Window<D> {
        assert!(index < self.len(), "tile {index} of {}", self.len());
        let mut window = Window::new(D::zeros(self.shape.ndim()), self.tile.clone());
        let mut rest = index;
        let mut place = |axis: usize| {
            // As if the array began `lead` elements earlier.
            let begin = rest % self.count(axis) * self.tile[axis];
            rest /= self.count(axis);
            let origin = begin.saturating_sub(self.lead[axis]);
            let end = (begin + self.tile[axis] - self.lead[axis]).min(self.shape[axis]);
            window.origin[axis] = origin;
            window.shape[axis] = end - origin;
        };
        self.axes.iter().rev().for_each(|&axis| place(axis));
        window
    }

    /// The windows of all tiles, in the order of the file.
    pub fn windows(&self) -> impl ExactSizeIterator<Item = Window<D>> {
        (0..self.len()).map(|index| self.window(index))
    }

    fn count(&self, axis: usize) -> usize {
        (self.shape[axis] + self.lead[axis]).div_ceil(self.tile[axis])
    }
}
